"""Does JSX or TSX parse? What TypeScript's own parser says (`engine`), in sentences with places.

Broken: whatever the compiler's parser reports for the code as a `.tsx` file. Adjacent elements with no component around
them are fine, as long as `<>…</>` around them would parse: a model asked for a component may answer with its parts.

Soft (counted; `react_lint` names them): what parses, though React refuses it or warns when it renders: `class` and
`for`, HTML's spelling of attributes and events, a string as `style` or as an event handler, an attribute given twice or
with an empty `{}`, children of `<br>` and its like.

Not covered: types and names (`tsc` would know them), rules that the compiler checks after parsing (`const` without a
value, `return` outside of a function), Flow.
"""

from __future__ import annotations

from scorers.jsx.engine import ParseError, read_source
from scorers.position import Position, shown
from scorers.verdict import MAX_ISSUES, SyntaxIssue, Verdict

# TypeScript says of tags that one is never closed, or that another one closes it.
_NEVER_CLOSED = (17008, 17014)
_MAX_MESSAGE = 200

_UNREAD = {
    "too_large": "the code is longer than the parser reads; nothing beyond this place was looked at",
    "too_deep": "the code nests too deeply; nothing beyond this place was looked at",
    "too_complex": "the parser came to no end with this code",
}
_LINT = {
    "class_attribute": "React's name for `{}` is `className`",
    "attribute_name": "`{}` is HTML's spelling of an attribute; React has another",
    "event_name": "`{}` is HTML's spelling of an event; React writes events in camel case",
    "event_string": "`{}` takes a function, not a string",
    "style_string": "`{}` takes an object, not a string",
    "duplicate_prop": "`{}` is given twice",
    "empty_expression": "`{}` has braces with no value in them",
    "void_children": "`<{}>` can have no children",
}


def check_jsx(code: str) -> Verdict:
    """Judges JSX and TSX; issues stand in text order, at most `MAX_ISSUES`. Never raises.

    >>> check_jsx("export default () => <p>Food & Drink</p>").valid
    True
    >>> check_jsx("<i>one</i><i class='b'>two</i>").soft
    1
    >>> [i.message for i in check_jsx("const a = <p>x</q>").issues]
    ['`<p>` opened here is closed by `</q>` at line 1']
    """
    source = read_source(code)
    issues = [_issue(code, error) for error in source.errors]
    if source.unread is not None:
        issues.append(SyntaxIssue(source.unread, Position.of(code, source.end), _UNREAD[source.unread]))
    return Verdict(tuple(sorted(issues, key=_place)[:MAX_ISSUES]), len(source.lint))


def react_lint(code: str) -> tuple[SyntaxIssue, ...]:
    """What React would refuse or warn of in code that parses: the rule as the issue's code, in text order.

    >>> [(i.code, i.position.column, i.message) for i in react_lint("<p class='a' onClick='b()'>c</p>")]
    [('class_attribute', 4, "React's name for `class` is `className`"), \
('event_string', 14, '`onClick` takes a function, not a string')]
    """
    return tuple(
        SyntaxIssue(entry.rule, Position.of(code, entry.offset), _LINT[entry.rule].format(shown(entry.name)))
        for entry in read_source(code).lint
    )


def _issue(code: str, error: ParseError) -> SyntaxIssue:
    at = Position.of(code, error.offset)
    if error.opening is None:
        return SyntaxIssue(f"ts{error.code}", at, shown(error.message, _MAX_MESSAGE).rstrip("."))
    opening, opened = Position.of(code, error.opening), shown(error.opened)
    if error.code in _NEVER_CLOSED:
        return SyntaxIssue("unclosed", opening, f"`<{opened}>` opened here is never closed")
    message = f"`<{opened}>` opened here is closed by `</{shown(error.closed)}>` at line {at.line}"
    return SyntaxIssue("mismatched_tag", opening, message)


def _place(issue: SyntaxIssue) -> tuple[int, int]:
    return issue.position.line, issue.position.column
