"""How Tailwind reads the text of a class name: where it may be split, and what may stand in brackets.

The rules are those of Tailwind v4: quotes and brackets keep what they hold together, a backslash keeps one character.
"""

from __future__ import annotations

import re

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_SPECIAL = re.compile(r"[\\'\"()\[\]{};]")
_NAME = re.compile(r"[\w.%-]+", re.ASCII)
_PARENTHESIS = re.compile(r"\((?:[^:()]*:)?(--.*)\)", re.DOTALL)
NUMBER = re.compile(r"(?:0|[1-9]\d*)(?P<quarter>\.(?:25|5|75))?(?P<percent>%)?", re.ASCII)


def segments(text: str, separator: str) -> list[str]:
    """Splits at a separator outside of brackets and quotes.

    >>> segments("[&:hover]:p-[a:b]", ":"), segments("content-['a:b]']:x", ":")
    (['[&:hover]', 'p-[a:b]'], ["content-['a:b]']", 'x'])
    """
    if separator not in text or not _SPECIAL.search(text):
        return text.split(separator)
    parts, start, index = [], 0, 0
    open_brackets: list[str] = []
    while index < len(text):
        character = text[index]
        if character == separator and not open_brackets:
            parts.append(text[start:index])
            start = index + 1
        elif character in "\\'\"":
            index = _skip(text, index)
        elif character in _CLOSING:
            open_brackets.append(_CLOSING[character])
        elif open_brackets and character == open_brackets[-1]:
            open_brackets.pop()
        index += 1
    return [*parts, text[start:]]


def is_arbitrary(text: str) -> bool:
    """True for what may stand between square brackets: something, every bracket opened and closed, no bare `;`.

    >>> [is_arbitrary(text) for text in ("calc(1px+2px)", "a]b", "(", "']'", "a;b", "_", "url('a;b')")]
    [True, False, False, True, False, False, True]
    """
    if not text.strip("_ "):
        return False
    if not _SPECIAL.search(text):
        return True
    index = 0
    open_brackets: list[str] = []
    while index < len(text):
        character = text[index]
        if character in "\\'\"":
            index = _skip(text, index)
        elif character in "([":
            open_brackets.append(_CLOSING[character])
        elif character in ")]};":
            if not open_brackets:
                return False
            if character == open_brackets[-1]:
                open_brackets.pop()
        index += 1
    return not open_brackets


def bracketed(text: str) -> bool:
    """True for an arbitrary value or modifier with its square brackets."""
    return text.startswith("[") and text.endswith("]") and is_arbitrary(text[1:-1])


def parenthesized(text: str) -> bool:
    """True for v4's short form of a variable.

    >>> [parenthesized(text) for text in ("(--a)", "(color:--a)", "(a)", "()")]
    [True, True, False, False]
    """
    match = _PARENTHESIS.fullmatch(text)
    return match is not None and is_arbitrary(match[1])


def is_name(text: str) -> bool:
    """True for what v4 takes as the name of a value or of a modifier."""
    return _NAME.fullmatch(text) is not None


def _skip(text: str, index: int) -> int:
    """The index at which an escape or a string ends; a string that nobody closes runs to the end."""
    quote = text[index]
    index += 1
    if quote == "\\":
        return index
    while index < len(text) and text[index] != quote:
        index += 2 if text[index] == "\\" else 1
    return index
