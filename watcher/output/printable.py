r"""The gate for text that leaves: terminal, log, JSON documents, W&B, webhook, input and environment of commands.

Model output, names of files and tensors, configurations, templates and exceptions of other people's code are hostile:
each may steer a terminal, forge a line of the log, hide or turn around what a person reads, or break a reader of JSON.
Text passes the gate where it leaves, so that no sentence has to think of it.

| what | in a line | in a block | in code |
|---|---|---|---|
| control characters (C0, DEL, C1), and so every ANSI and OSC sequence | `\x1b` | `\x1b` | as it is |
| newline, tab | `\n`, `\t` | as it is | as it is |
| other ends of lines (U+2028, U+2029, U+0085) | `\u2028` | `\u2028` | as it is |
| marks, overrides and isolates of writing direction | `\u202e` | `\u202e` | as it is |
| what has no width (zero-width, tags, fillers, soft hyphen) | `\u200b` | `\u200b` | as it is |
| private and unassigned characters | `\ue000` | `\ue000` | as it is |
| NUL, lone surrogates | `\x00`, `\ud800` | `\x00`, `\ud800` | U+FFFD |
| secrets (`watcher.output.redaction`) | `***` | `***` | as it is |

Data for machines, the JSON lines of the state directory, holds code as it is and yet steers no terminal that shows the
file: what would not pass is written as JSON's own escape there (`inert_json`), which reads back as it was.

Letters of every script, combining marks, emoji and spaces of any width pass. A joiner (U+200C, U+200D) passes between
two characters from U+0590 on, as in Persian and in emoji that are made of several; a variation selector passes behind
a character that can have one. The backslash passes, so that what passed once is not changed by passing again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from functools import cache
from typing import Any, Final, TypeVar

from watcher.output.redaction import redactor

T = TypeVar("T")

LINE: Final = 4_000
"""Most characters of one line: a longer one loses its middle, since what to do stands at its end."""
BLOCK: Final = 20_000
"""Most characters of one block."""
_KEPT_OF_BLOCK: Final = frozenset("\n\t")
_JOINERS: Final = frozenset("\u200c\u200d")
_FIRST_JOINED: Final = "\u0590"
_SPACES: Final = frozenset("\xa0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u202f\u205f\u3000")
# https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point: what Python calls printable and nobody sees.
_UNSEEN: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
_NOT_ENCODABLE: Final = {0: "\ufffd", **dict.fromkeys(range(0xD800, 0xE000), "\ufffd")}


def printable(text: str, limit: int = LINE) -> str:
    """Text for one line of at most `limit` characters.

    >>> printable("a\\x1b[31mb\\n2026-01-01 ERROR forged")
    'a\\\\x1b[31mb\\\\n2026-01-01 ERROR forged'
    """
    return _cut(_escaped(redactor(os.environ)(text)), limit)


def printable_block(text: str, limit: int = BLOCK) -> str:
    """Text whose lines and tabs stay, of at most `limit` characters.

    >>> printable_block("a\\x1b[31mb\\n\\tc")
    'a\\\\x1b[31mb\\n\\tc'
    """
    return _cut(_escaped(redactor(os.environ)(text), _KEPT_OF_BLOCK), limit)


def encodable(code: str) -> str:
    """Generated code as it is, but for NUL and lone surrogates, which no file of W&B's and no database can hold.

    >>> encodable("<p>\\x00\\ud800</p>") == "<p>\\ufffd\\ufffd</p>"
    True
    """
    return code.translate(_NOT_ENCODABLE)


def inert(text: str) -> str:
    """`printable_block` without a limit and without a look for secrets: for pieces of what is laid out already.

    >>> inert("a\\x9bb\\n")
    'a\\\\x9bb\\n'
    """
    return _escaped(text, _KEPT_OF_BLOCK)


def inert_json(text: str) -> str:
    """A JSON text that means the same, in which each character that steers, hides or forges is written as its escape.

    >>> inert_json('{"a": "\x9b\u202e\U000e0041é"}')
    '{"a": "\\\\u009b\\\\u202e\\\\udb40\\\\udc41é"}'
    """
    return _escaped(text, escape=lambda character: json.dumps(character)[1:-1])


def printable_document(document: T, limit: int = BLOCK) -> T:
    """A document of plain values (as for JSON) and frozen dataclasses, each text in it, names of entries included, fit
    for one line of at most `limit` characters.

    >>> printable_document({"a\\x1b": ["b\\u202e", 1]})
    {'a\\\\x1b': ['b\\\\u202e', 1]}
    """
    redacted = redactor(os.environ)
    # Thousands of checkpoints have the same names of metrics.
    shown: T = _each(document, cache(lambda text: _cut(_escaped(redacted(text)), limit)))
    return shown


def _each(value: Any, gate: Callable[[str], str]) -> Any:
    # Most values of thousands of checkpoints are numbers.
    if value is None or isinstance(value, int | float | Enum):
        return value
    if isinstance(value, str):
        return gate(value)
    if isinstance(value, Mapping):
        return {gate(name) if isinstance(name, str) else name: _each(inner, gate) for name, inner in value.items()}
    if isinstance(value, Sequence):
        each = [_each(inner, gate) for inner in value]
        return tuple(each) if isinstance(value, tuple) else each
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: _each(getattr(value, field.name), gate) for field in fields(value)})
    return value


def _escaped(
    text: str,
    kept: frozenset[str] = frozenset(),
    escape: Callable[[str], str] = lambda character: ascii(character)[1:-1],
) -> str:
    # Most texts have nothing to escape, and each character of them is one of few.
    if all(character in kept or _is_seen(character) for character in set(text)):
        return text
    shown: list[str] = []
    # The character before, where it passed.
    before = ""
    for place, character in enumerate(text):
        passes = character in kept or _passes(before, character, text[place + 1 : place + 2])
        shown.append(character if passes else escape(character))
        before = character if passes else ""
    return "".join(shown)


def _passes(before: str, character: str, after: str) -> bool:
    if character in _JOINERS:
        # Two joiners in a row would hide text in their pattern; so neither neighbor may be one.
        return before >= _FIRST_JOINED and before not in _JOINERS and after >= _FIRST_JOINED and _is_seen(after)
    if _is_selector(character):
        chooses = before in ("#", "*") or before.isdecimal() or before >= "\xa9"
        return chooses and before not in _JOINERS and not _is_selector(before)
    return _is_seen(character)


def _is_seen(character: str) -> bool:
    if _is_selector(character):
        return False
    return (character.isprintable() and character not in _UNSEEN) or character in _SPACES


def _is_selector(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    half = (limit - len(f"… [{len(text)} characters] …")) // 2
    return f"{text[:half]}… [{len(text) - 2 * half} characters] …{text[-half:]}"
