"""The languages that code can be written in, each one object: what checks and reads it, and how it is known.

A further language is one more call of `register`: it is then found in fences, wrappers and files, checked, read, scored
and reported as the others are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from scorers.reading import Reading

Reader = Callable[[str], Reading]
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
    """One language: what reads it, its `role`, and the `words` and `suffixes` by which it is known.

    `words` are those of info strings, extensions and attributes, in lower case; `suffixes` those of files on disk, with
    the dot. A `certain` word outweighs what the code looks like. `is_script` is true for code whose braces and template
    literals are JavaScript's; `with_markup` names the language that such a script is if it holds elements, and
    `in_components` the one that its files are in a project of components. `has_blocks` is true where a file is a row of
    top-level elements (`<template>`, `<script>`). `opening` says how a bare file under a line with its name begins,
    where nothing else tells it.
    """

    name: str
    read: Reader
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
    """Add a language. Raises ValueError where another one has its name, a word or a suffix of it."""
    named = ((_languages, (language.name,)), (_by_word, language.words), (_by_suffix, language.suffixes))
    for known, names in named:
        if taken := [name for name in names if name in known]:
            raise ValueError(f"{taken[0]!r} is taken by {known[taken[0]].name}; {language.name} cannot have it")
    for known, names in named:
        known.update(dict.fromkeys(names, language))
