"""The languages that code can be written in, each one object: what checks and reads it, and how it is known.

A further language is one more call of `register`: it is then found in fences, wrappers and files, checked, read, scored
and reported as the others are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from scorers.reading import FileReading

LanguageReader = Callable[[str], FileReading]
"""The verdict on code and what stands in it. It takes any text, in time linear in its length, and never raises."""


class Role(Enum):
    """What a file of a language is in an answer. The first two are pages, the others stand beside one."""

    DOCUMENT = "a page of markup; text without a tag is none"
    COMPONENT = "a page that a framework makes of it"
    SCRIPT = "a script beside a page"
    SHEET = "a style sheet beside a page"


class Opening(Enum):
    """What a file begins with that only a line with its name tells from talk."""

    RULE = "a style sheet's rule"
    STATEMENT = "a script's statement, also a mere call"


@dataclass(frozen=True, slots=True)
class LanguageSupport:
    """One language: what reads it, and how it is known.

    Attributes:
        name: Its name, as in `Sample.language`.
        read: What checks and reads code of it.
        role: What a file of it is in an answer.
        words: What info strings, extensions and attributes call it, in lower case.
        suffixes: Those of its files on disk, with the dot.
        certain: Whether its word outweighs what the code looks like.
        is_script: Whether its braces and template literals are JavaScript's.
        with_markup: Which language such a script is if it holds elements; empty for itself.
        in_components: Which language its files are in a project of components; empty for itself.
        has_blocks: Whether a file is a row of top-level elements (`<template>`, `<script>`).
        opening: How a bare file under a line with its name begins, where nothing else tells it.
    """

    name: str
    read: LanguageReader
    role: Role
    words: tuple[str, ...]
    suffixes: tuple[str, ...]
    certain: bool = False
    is_script: bool = False
    with_markup: str = ""
    in_components: str = ""
    has_blocks: bool = False
    opening: Opening | None = None

    @property
    def is_page(self) -> bool:
        """Whether a file of it may be the page of an answer."""
        return self.role in (Role.DOCUMENT, Role.COMPONENT)


_languages: dict[str, LanguageSupport] = {}
_by_word: dict[str, LanguageSupport] = {}
_by_suffix: dict[str, LanguageSupport] = {}
LANGUAGES: Mapping[str, LanguageSupport] = MappingProxyType(_languages)
"""All languages by their names."""
BY_WORD: Mapping[str, LanguageSupport] = MappingProxyType(_by_word)
"""Each language's words."""
BY_SUFFIX: Mapping[str, LanguageSupport] = MappingProxyType(_by_suffix)
"""Each language's suffixes."""


def register(language: LanguageSupport) -> None:
    """Adds a language for this process.

    Args:
        language: The language; where others are found by words and suffixes, it is from then on.

    Raises:
        ValueError: Another one has its name, or one of its words or suffixes; nothing is added then.
    """
    named = ((_languages, (language.name,)), (_by_word, language.words), (_by_suffix, language.suffixes))
    for known, names in named:
        if taken := [name for name in names if name in known]:
            raise ValueError(f"{taken[0]!r} is taken by {known[taken[0]].name}; {language.name} cannot have it")
    for known, names in named:
        known.update(dict.fromkeys(names, language))
