"""Finds where JavaScript inside markup ends, without parsing it: strings, templates, comments and regular expressions
are skipped, braces counted."""

from __future__ import annotations

import re

# What is skipped whole; where its end is missing, a string ends with its line and the rest with the text.
_SKIPPED = re.compile(
    r"'(?:[^'\\\n]|\\.)*+'?|\"(?:[^\"\\\n]|\\.)*+\"?|//[^\n]*|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)", re.DOTALL
)
# Bounded, because a bracket that is never closed is looked for from each slash.
_REGULAR_EXPRESSION = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.){0,200}+\]){1,400}+/")
# Where to stop: at the next brace or back quote, with tags also at the next `<` that begins a tag or a fragment, or at
# the fence of a frontmatter.
BRACES = re.compile(r"[{}`'\"/]")
BRACES_AND_TAGS = re.compile(r"[{}`'\"/<]")
FENCE = re.compile(r"---|[`'\"/]")
_IN_TEMPLATE = re.compile(r"`|\$\{|\\.", re.DOTALL)
_MARKUP = re.compile(r"<(?:[A-Za-z_$]|>)")
# Words after which a value begins, so that `/` begins a regular expression and `<` a tag.
_BEFORE_VALUE = frozenset(
    ("await", "case", "default", "delete", "do", "else", "in", "instanceof", "new", "of", "return", "throw", "typeof")
) | {"void", "yield"}
_WORD = re.compile(r"[\w$]+\Z")
_LONGEST_WORD = 12
_MAX_BLANKS = 200


def next_stop(code: str, at: int, stops: re.Pattern[str] = BRACES) -> int:
    """The offset of the next of `stops` in JavaScript; the length of `code` where there is none.

    >>> next_stop("a('}') / 2 /* } */ }", 0), next_stop("a < b && <p>", 0, BRACES_AND_TAGS)
    (19, 9)
    """
    while found := stops.search(code, at):
        at, text = found.start(), found[0]
        if text == "<":
            if _MARKUP.match(code, at) and begins_value(code, at):
                return at
            at += 1
        elif text in "'\"/":
            skipped = _SKIPPED.match(code, at)
            if skipped is None and begins_value(code, at):
                skipped = _REGULAR_EXPRESSION.match(code, at)
            at = skipped.end() if skipped else at + 1
        else:
            return at
    return len(code)


def template_stop(code: str, at: int) -> int:
    """The offset behind the next `${` of a template literal, or behind the back quote that ends it; -1 without one.

    >>> template_stop("a \\\\` ${b}`", 0), template_stop("`", 0), template_stop("a", 0)
    (7, 1, -1)
    """
    for found in _IN_TEMPLATE.finditer(code, at):
        if found[0][0] != "\\":
            return found.end()
    return -1


def closing_brace(code: str, at: int) -> int:
    """The offset of the `}` that closes the brace before `at`; -1 where nothing does.

    >>> closing_brace("{a: `${b}}`, c: '}'}}", 0), closing_brace("a {}", 0)
    (20, -1)
    """
    end = _behind(code, at, "{")
    return end - 1 if end > 0 else -1


def template_end(code: str, at: int) -> int:
    """The offset behind the back quote that ends the template literal whose back quote stands before `at`; -1 without.

    >>> template_end("a ${`}` + b} ` c", 0)
    14
    """
    return _behind(code, at, "`")


def _behind(code: str, at: int, opened: str) -> int:
    """The offset behind what closes the brace or the back quote that stands before `at`; -1 where nothing does."""
    inside = [opened]
    while inside:
        if inside[-1] == "`":
            at = template_stop(code, at)
            if at < 0:
                return -1
            if code[at - 1] == "`":
                inside.pop()
            else:
                inside.append("{")
            continue
        at = next_stop(code, at)
        if at == len(code):
            return -1
        if code[at] == "}":
            inside.pop()
        else:
            inside.append(code[at])
        at += 1
    return at


def begins_value(code: str, at: int) -> bool:
    """Whether a value, not an operator, is to be expected at an offset, as far as what stands before it tells."""
    before = code[max(0, at - _MAX_BLANKS) : at].rstrip()
    if not before:
        return True
    last = before[-1]
    if last.isalnum() or last in "_$":
        word = _WORD.search(before, max(0, len(before) - _LONGEST_WORD))
        return word is not None and word[0] in _BEFORE_VALUE
    return last not in ")]}'\"`"
