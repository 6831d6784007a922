"""What stands in the braces of Svelte's blocks and tags: `{#each items as item, i (item.id)}`, `{@const a = b}`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scorers.sfc.component import Component

_HEAD = re.compile(r"([a-z]*)(\s*)")
_AS = re.compile(r"(?<=[\s)\]}_])as(?=[\s{\[])")
_LOOP = re.compile(r"\s*((?:[\w$]+|\{[^{}]*\}|\[[^\[\]]*\])\s*(?::[^,(]*)?)(?:,\s*[\w$]+\s*)?(\([^()]*\)\s*)?")
_SETTLED = re.compile(r"(?<=[\s)\]}_])(then|catch)(?=\s|\Z)")
_SNIPPET = re.compile(r"[^\W\d][\w$]*\s*(?=[(<])|\$[\w$]*\s*(?=[(<])")
_SKIPPED = re.compile(
    r"'(?:[^'\\\n]|\\.)*+'?|\"(?:[^\"\\\n]|\\.)*+\"?|`(?:[^`\\]|\\.)*+`?|//[^\n]*|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)",
    re.DOTALL,
)
_BRACKET = re.compile(r"[()\[\]{}]")
_EXPRESSIONS = frozenset(("html", "render", "debug"))
BLOCKS = frozenset(("if", "each", "await", "key", "snippet"))


@dataclass(frozen=True, slots=True)
class Head:
    """What stands between braces: the word that it begins with, whether a blank follows, and the rest with its
    offset."""

    word: str
    blank: bool
    rest: str
    at: int

    @classmethod
    def of(cls, code: str, start: int, end: int) -> Head:
        """The head between two offsets, behind its `#`, `:` or `@`."""
        found = _HEAD.match(code, start, end)
        word, blank, at = (found[1], bool(found[2]), found.end()) if found else ("", False, start)
        return cls(word, blank, code[at:end], at)


def outermost(code: str) -> str:
    """Code of the same length in which `_` stands for all that strings, comments and brackets hold.

    >>> outermost("f(a, 'b') as { c }")
    'f(______) as {___}'
    """
    flat = _SKIPPED.sub(lambda found: "_" * len(found[0]), code)
    kept, depth, at = [], 0, 0
    for found in _BRACKET.finditer(flat):
        between = flat[at : found.start()]
        opening = found[0] in "([{"
        depth -= not opening and depth > 0
        kept.append(between if depth == 0 and opening else ("_" * len(between) if depth or not opening else between))
        kept.append(found[0] if depth == 0 else "_")
        depth += opening
        at = found.end()
    return "".join((*kept, flat[at:]))


def read_head(component: Component, head: Head) -> str | None:
    """Hands the code of a block's head to the component; what is wrong with the head otherwise."""
    if head.word == "snippet":
        return _snippet(component, head)
    if not head.blank:
        return f"a blank is missing behind `{{#{head.word}`"
    if head.word == "each":
        return _each(component, head)
    if head.word == "await":
        _await(component, head)
    else:
        _piece(component, "expression", head.at, head.rest)
    return None


def read_special(component: Component, head: Head) -> str | None:
    """Hands the code of `{@html …}` and its like to the component; what is wrong with it otherwise."""
    if head.word == "debug" and not head.rest:
        return None
    if head.word not in _EXPRESSIONS and head.word != "const":
        return "Svelte knows `{@html …}`, `{@render …}`, `{@const …}` and `{@debug …}` here"
    if not head.blank:
        return f"a blank is missing behind `{{@{head.word}`"
    _piece(component, "constant" if head.word == "const" else "expression", head.at, head.rest)
    return None


def _piece(component: Component, shape: str, at: int, code: str) -> None:
    component.expression(component.piece(shape, at, code))


def _snippet(component: Component, head: Head) -> str | None:
    found = _SNIPPET.match(head.rest)
    if found is None:
        return "a snippet has a name and parameters: `{#snippet name(a, b)}`"
    _piece(component, "generic", head.at + found.end(), head.rest[found.end() :])
    return None


def _each(component: Component, head: Head) -> str | None:
    flat = outermost(head.rest)
    named = list(_AS.finditer(flat))
    if not named:
        _piece(component, "expression", head.at, head.rest)
        return None
    last = named[-1]
    _piece(component, "expression", head.at, head.rest[: last.start()])
    found = _LOOP.fullmatch(flat, last.end())
    if found is None:
        return "`{#each items as item, index (key)}` was expected"
    for shape, span in (("parameters", found.span(1)), ("expression", found.span(2))):
        if span[0] >= 0:
            _piece(component, shape, head.at + span[0], head.rest[slice(*span)])
    return None


def _await(component: Component, head: Head) -> None:
    found = _SETTLED.search(outermost(head.rest))
    if found is None:
        _piece(component, "expression", head.at, head.rest)
        return
    _piece(component, "expression", head.at, head.rest[: found.start()])
    if value := head.rest[found.end() :].strip():
        _piece(component, "parameters", head.at + head.rest.index(value, found.end()), value)
