"""Does JSX or TSX parse? The TypeScript grammar of tree-sitter, corrected where it differs from the compiler.

The grammar accepts `<a></b>` (it never compares the names) and refuses a bare `&` in JSX text, which compilers accept;
both are corrected here. Code is parsed as a file first and, failing that, as `<>…</>`: a model asked for a component
may answer with adjacent elements and no component around them.

Not covered: types and names (`tsc` would know them), duplicate props, `class=` instead of `className=`: all of
these parse.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

from scorers.html_syntax import MAX_ISSUES, SyntaxIssue, Verdict
from scorers.position import Position, shown

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Parser, Query, Tree

# The parser's error recovery is not linear. A completion of 128k tokens stays below this.
MAX_CHARACTERS = 600_000
# Queries take time quadratic in the depth of the tree: 100,000 braces or `!` inside one another would take minutes.
MAX_DEPTH = 1_000
# A bracket, or a whole run of prefix operators: each of them is one level of the tree.
_NESTING = re.compile(r"[][(){}]|(?:(?:[!~+-]|\b(?:new|typeof|void|delete|await)\b)\s*+)++")


def check_jsx(code: str) -> Verdict:
    """Judges JSX and TSX. Never raises.

    >>> check_jsx("export default () => <p>Food & Drink</p>").valid
    True
    >>> check_jsx("<i>one</i><i>two</i>").valid
    True
    >>> [i.message for i in check_jsx("const a = <p>x</q>").issues]
    ['`<p>` opened here is closed by `</q>` at line 1']
    """
    if len(code) > MAX_CHARACTERS:
        message = f"the code is longer than {MAX_CHARACTERS:,} characters and was not parsed"
        return Verdict((SyntaxIssue("too_large", Position(1, 1), message),))
    readable = parsable(code)
    if len(readable) < len(code):
        message = f"more than {MAX_DEPTH:,} brackets or operators stand inside one another"
        return Verdict((SyntaxIssue("too_deep", Position.of(code, len(readable)), message),))
    issues = _issues(code)
    if issues and code.lstrip().startswith(("<", "{/*")) and not _issues(f"<>{code}</>"):
        return Verdict(())
    return Verdict(issues)


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
    # `|` may stand wherever `&` may (operators, types, text), has the same length, and is no error in JSX text.
    return _parser().parse(code.encode().replace(b"&", b"|"))


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


def _issues(code: str) -> tuple[SyntaxIssue, ...]:
    tree = parse_jsx(code)
    source = code.encode()
    found = [_syntax_error(node, source) for node in _errors(tree.root_node)]
    elements = captures(tree, "(jsx_element) @element").get("element", [])
    mismatches = (mismatch for node in elements if (mismatch := _mismatch(node, source)))
    # Placing an issue reads the text before it: thousands that nobody sees would take quadratic time.
    found += islice(mismatches, MAX_ISSUES - len(found))
    return tuple(sorted(found, key=lambda i: (i.position.line, i.position.column)))


def _errors(root: Node) -> list[Node]:
    """The outermost ERROR and MISSING nodes, at most `MAX_ISSUES`."""
    found: list[Node] = []
    waiting = [root] if root.has_error else []
    while waiting and len(found) < MAX_ISSUES:
        node = waiting.pop()
        if node.is_error or node.is_missing:
            found.append(node)
        else:
            waiting += [child for child in reversed(node.children) if child.has_error]
    return found


def _syntax_error(node: Node, source: bytes) -> SyntaxIssue:
    at = _position(source, node.start_byte)
    if node.is_missing:
        return SyntaxIssue("missing_token", at, f"`{shown(node.type)}` is missing here")
    text = source[node.start_byte : min(node.end_byte, node.start_byte + 200)].decode("utf-8", "ignore")
    return SyntaxIssue("syntax_error", at, f"the parser stumbles here: `{shown(' '.join(text.split()))}`")


def _mismatch(element: Node, source: bytes) -> SyntaxIssue | None:
    """The issue of an element whose closing tag has another name; a fragment's name is empty."""
    opening, closing = element.child_by_field_name("open_tag"), element.child_by_field_name("close_tag")
    if opening is None or closing is None:
        return None
    opened, closed = _name(opening, source), _name(closing, source)
    if opened == closed:
        return None
    line = _position(source, closing.start_byte).line
    message = f"`<{shown(opened)}>` opened here is closed by `</{shown(closed)}>` at line {line}"
    return SyntaxIssue("mismatched_tag", _position(source, opening.start_byte), message)


def _name(tag: Node, source: bytes) -> str:
    name = tag.child_by_field_name("name")
    return "" if name is None else source[name.start_byte : name.end_byte].decode("utf-8", "ignore")


def _position(source: bytes, offset: int) -> Position:
    start = source.rfind(b"\n", 0, offset) + 1
    column = len(source[start:offset].decode("utf-8", "ignore")) + 1
    return Position(source.count(b"\n", 0, offset) + 1, column)
