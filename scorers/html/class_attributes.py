"""Where class names stand in HTML: `class`, the class bindings of Alpine, Vue, Angular and Astro, and `@apply`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

_PLAIN = re.compile(r"class|x-transition:.*|(?:(?:enter|leave|appear)-(?:.+-)?|(?:exact-)?active-|move-)class")
_BOUND = frozenset((":class", "x-bind:class", "v-bind:class", "class:list", ":classname", "[ngclass]", "ng-class"))
_LITERAL = re.compile(r"'((?:[^'\\]|\\.)*+)'|\"((?:[^\"\\]|\\.)*+)\"|`((?:[^`\\]|\\.)*+)`", re.DOTALL)
_KEY = re.compile(r"(?<=[{,])\s*([A-Za-z_]\w*)\s*:(?!:)")
_SUBSTITUTION = re.compile(r"\$\{[^{}]*\}")
# A string that is compared, looked up or handed to a function that is no class helper is no class name.
_CONTEXT = 40
_OTHER_USE = re.compile(
    r"(?:[=!]=|[<>+]|\bin|[\w$)\]]\s*\[|\bcase|(?<![\w$])(?!(?:cn|clsx|cx|classNames|twMerge|twJoin)\()[\w$.]+\()\s*$"
)
_COMPARED = re.compile(r"\s*(?:[=!]=|in\b|\+)")
_APPLY = re.compile(r"@apply\s+([^;}]*)")


def reader_of(attribute: str) -> Callable[[str], Iterable[str]] | None:
    """What takes the class names out of an attribute's value; None for an attribute that holds none.

    >>> list(reader_of("class")("a b")), list(reader_of(":class")("{'c d': open, e: x === 'y'}"))
    (['a', 'b'], ['c', 'd', 'e'])
    >>> reader_of("id")
    """
    if attribute in _BOUND:
        return class_literals
    return str.split if _PLAIN.fullmatch(attribute) else None


def class_literals(expression: str) -> Iterator[str]:
    """The class names in a JavaScript expression: its string literals, and the keys of its objects.

    A word that is only partly known (`text-${color}`) is none.

    >>> list(class_literals("tab === 'home' ? 'flex p-4' : `hidden ${a ? 'b' : ''} text-${c}`"))
    ['flex', 'p-4', 'hidden', 'b']
    >>> list(class_literals("['a', { b: has('c'), 'd-1': items['e'] == 1 }]"))
    ['a', 'b', 'd-1']
    """
    found: list[tuple[int, list[str]]] = []
    blanked: list[str] = []
    end = 0
    for match in _LITERAL.finditer(expression):
        before = expression[max(end, match.start() - _CONTEXT) : match.start()]
        if not _OTHER_USE.search(before) and not _COMPARED.match(expression, match.end()):
            found.append((match.start(), list(_words(match))))
        blanked += [expression[end : match.start()], " " * len(match[0])]
        end = match.end()
    rest = "".join((*blanked, expression[end:]))
    found += [(match.start(1), [match[1]]) for match in _KEY.finditer(rest)]
    for _, words in sorted(found):
        yield from words


def applied(styles: Iterable[str]) -> Iterator[str]:
    """The class names of every `@apply`.

    >>> list(applied(["a { @apply p-4 m-2 !important; } b { @apply flex }"]))
    ['p-4', 'm-2', 'flex']
    """
    for style in styles:
        for match in _APPLY.finditer(style):
            yield from (name for name in match[1].split() if name != "!important")


def _words(literal: re.Match[str]) -> Iterator[str]:
    template = literal[3]
    if template is None:
        yield from (literal[1] or literal[2] or "").split()
        return
    yield from (word for word in _SUBSTITUTION.sub("\0", template).split() if "\0" not in word)
    for match in _SUBSTITUTION.finditer(template):
        yield from class_literals(match[0][2:-1])
