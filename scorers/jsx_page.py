"""What stands in a JSX or TSX file: tags, class names, styles and colors, read from its syntax tree.

Class names stand in `className` attributes and in the arguments of `cn()`, `clsx()`, `cva()` and their kin; but
components also keep them in constants and props, so the words of all other string literals are handed on as
`loose_names`: those with a dash or a colon that are utilities count too. A bare word (`flex`, `table`, `outline`)
is too often something else there.

Not covered: CSS in template literals (styled components, `<style jsx>`), class names put together from pieces.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING

from scorers.css import takes_color
from scorers.jsx_syntax import captures, parsable, parse_jsx
from scorers.page import COLOR_ATTRIBUTES, Page

if TYPE_CHECKING:
    from tree_sitter import Node

_QUERY = """
(import_statement) @import
(string_fragment) @literal
(jsx_attribute) @attribute
(call_expression function: (identifier) @function)
(pair) @pair
(jsx_opening_element) @tag
(jsx_self_closing_element) @tag
"""
_CLASS_CALLS = frozenset(("cn", "clsx", "cva", "tv", "cx", "twMerge", "twJoin", "classNames", "classnames"))
_CLASS_ATTRIBUTES = ("class", "classname", "classnames")
_CAPITAL = re.compile(r"[A-Z]")


def read_jsx(code: str) -> Page:
    """Reads JSX or TSX, broken or not; what lies beyond `parsable` is not read. Never raises.

    >>> page = read_jsx('const a = "mt-4 table"; export default () => <p className="flex" style={{color: "#fff"}} />')
    >>> page.class_names, page.loose_names, page.styles, page.tags
    (('flex',), ('mt-4',), (('color', '#fff'),), ('p',))
    """
    source = parsable(code).encode()
    found = captures(parse_jsx(source.decode()), _QUERY)
    attributes = [(_attribute_name(node, source), node) for node in found.get("attribute", [])]
    classes = _Ranges([node for name, node in attributes if name.lower().endswith(_CLASS_ATTRIBUTES)])
    calls = [node for node in found.get("function", []) if _text(node, source) in _CLASS_CALLS]
    class_calls = _Ranges([node.parent for node in calls if node.parent is not None])
    imports = _Ranges(found.get("import", []))
    class_names: list[str] = []
    loose_names: list[str] = []
    for node in found.get("literal", []):
        words = _text(node, source).split()
        if node in classes or node in class_calls:
            class_names += words
        elif node not in imports:
            loose_names += (word for word in words if "-" in word or ":" in word)
    return Page(
        tags=tuple(_tag_name(node, source) for node in found.get("tag", [])),
        class_names=tuple(class_names),
        loose_names=tuple(loose_names),
        styles=tuple(_styles(found.get("pair", []), source)),
        color_attributes=tuple(
            _string(node.children[-1], source) for name, node in attributes if _kebab(name) in COLOR_ATTRIBUTES
        ),
    )


class _Ranges:
    """The stretches of text that some nodes cover; membership of a node costs a binary search."""

    def __init__(self, nodes: list[Node]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for node in sorted(nodes, key=lambda n: n.start_byte):
            if not self._ends or node.start_byte >= self._ends[-1]:
                self._starts.append(node.start_byte)
                self._ends.append(node.end_byte)

    def __contains__(self, node: Node) -> bool:
        index = bisect_right(self._starts, node.start_byte) - 1
        return index >= 0 and node.start_byte < self._ends[index]


def _styles(pairs: list[Node], source: bytes) -> Iterator[tuple[str, str]]:
    for pair in pairs:
        key, value = pair.child_by_field_name("key"), pair.child_by_field_name("value")
        if key is not None and value is not None and value.type in ("string", "template_string"):
            name = _kebab(_string(key, source))
            if takes_color(name):
                yield name, _string(value, source)


def _attribute_name(node: Node, source: bytes) -> str:
    return _text(node.children[0], source) if node.children else ""


def _tag_name(tag: Node, source: bytes) -> str:
    name = tag.child_by_field_name("name")
    return "" if name is None else _text(name, source)


def _string(node: Node, source: bytes) -> str:
    return _text(node, source).strip("{}'\"` ")


def _kebab(name: str) -> str:
    return _CAPITAL.sub(lambda match: "-" + match[0].lower(), name)


def _text(node: Node, source: bytes) -> str:
    return source[node.start_byte : node.end_byte].decode("utf-8", "ignore")
