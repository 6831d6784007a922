"""The syntax tree of a script, for those who read `tailwind.config`: tree-sitter's, bounded in size and depth."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Parser, Query, Tree

MAX_CHARACTERS = 600_000
# Queries take time quadratic in the depth of the tree: 100,000 braces or `!` inside one another would take minutes.
MAX_DEPTH = 1_000
# A bracket, or a whole run of prefix operators: each of them is one level of the tree.
_NESTING = re.compile(r"[][(){}]|(?:(?:[!~+-]|\b(?:new|typeof|void|delete|await)\b)\s*+)++")


def parsable(code: str) -> str:
    """The beginning of `code` whose tree can be read in bounded time: up to `MAX_CHARACTERS` and `MAX_DEPTH`.

    >>> len(parsable("{" * 5_000)), len(parsable("a;" + "!" * 5_000)), parsable("a(b[{!-c}])")
    (1000, 2, 'a(b[{!-c}])')
    """
    depth = 0
    for match in _NESTING.finditer(code, 0, MAX_CHARACTERS):
        if match[0] in "([{":
            depth += 1
        elif match[0] in ")]}":
            depth = max(0, depth - 1)
        if depth > MAX_DEPTH or len(match[0]) > MAX_DEPTH:
            return code[: match.start()]
    return code[:MAX_CHARACTERS]


def parse_jsx(code: str) -> Tree:
    """The syntax tree of `code`, as UTF-8: offsets in it are bytes of `code.encode()`."""
    return _parser().parse(code.encode())


def captures(tree: Tree, pattern: str) -> dict[str, list[Node]]:
    """The nodes that a tree-sitter query finds in a tree, by the names that the query gives them."""
    import tree_sitter

    return tree_sitter.QueryCursor(_query(pattern)).captures(tree.root_node)


@cache
def _language() -> Language:
    import tree_sitter
    import tree_sitter_typescript

    return tree_sitter.Language(tree_sitter_typescript.language_tsx())


@cache
def _parser() -> Parser:
    import tree_sitter

    return tree_sitter.Parser(_language())


@cache
def _query(pattern: str) -> Query:
    import tree_sitter

    return tree_sitter.Query(_language(), pattern)
