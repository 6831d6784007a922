"""Does JavaScript or TypeScript parse? What TypeScript's own parser says (`engine`), in sentences with places.

Broken: whatever the compiler's parser reports for the code as a `.tsx` file. Adjacent elements with no component around
them are fine, as long as `<>…</>` around them would parse: a model asked for a component may answer with its parts.

Soft (counted; `react_lint` names them): what parses, though React refuses it or warns when it renders: `class` and
`for`, HTML's spelling of attributes and events, a string as `style` or as an event handler, an attribute given twice or
with an empty `{}`, children of `<br>` and its like.

Early errors (their own field of the verdict, codes `early_…`): what the parser accepts and every engine and bundler
refuses, such as a name declared twice or `return` outside of a function; looked for in code that parses.

A script of an HTML page is what a browser runs as it stands, so V8 is asked instead: the only issue is its sentence
about the first mistake, with the code `script-error`.

Not covered: types and names (`tsc` would know them), Flow.
"""

from __future__ import annotations

from scorers.jsx.engine import UNCOMPILED, EarlyError, ParseError, SourceKind, SourceReading, read_source
from scorers.position import Position, shown
from scorers.verdict import MAX_ISSUES, SyntaxIssue, SyntaxVerdict

# TypeScript says of tags that one is never closed, or that another one closes it.
_NEVER_CLOSED = (17008, 17014)
_MAX_MESSAGE = 200

_UNREAD = {
    "too_large": "the code is longer than the parser reads; nothing beyond this place was looked at",
    "too_deep": "the code nests too deeply; nothing beyond this place was looked at",
    "too_complex": "the parser came to no end with this code",
    "parser_failed": "TypeScript's parser fails on this code",
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
_EARLY = {
    "accessor": "the getter or setter `{}` has the wrong number of parameters",
    "arguments": "`arguments` cannot stand in the value of a field",
    "assignment_target": "nothing can be assigned to this",
    "await": "`await` stands outside of an async function",
    "break": "`break` stands outside of a loop and of a switch",
    "class_member": "a class cannot have this member `{}`",
    "const_without_value": "the constant `{}` has no value",
    "continue": "`continue` stands outside of a loop",
    "delete_name": "the name `{}` cannot be deleted in a module",
    "delete_private": "the private name `{}` cannot be deleted",
    "duplicate_constructor": "the class has a second constructor",
    "duplicate_export": "`{}` is exported twice",
    "duplicate_label": "the label `{}` stands inside a statement with the same label",
    "duplicate_parameter": "two parameters are called `{}`",
    "duplicate_proto": "`__proto__` is given twice",
    "empty_attribute": "an attribute has braces with no value in them",
    "import_call": "`import()` takes one module name and options",
    "import_meta": "`import.meta` stands outside of a module",
    "label": "no statement around this one has the label `{}`",
    "loop_variable": "a loop over values takes one variable without a value",
    "mixed_operators": "`??` needs parentheses beside `||` and `&&`",
    "module_item": "`import` and `export` can stand only at the top of a module",
    "new_target": "`new.target` stands outside of a function",
    "optional_template": "a template cannot follow `?.`",
    "private_name": "no class around this declares the private name `{}`",
    "redeclared": "`{}` is declared twice in one scope",
    "regular_expression": "the regular expression cannot have the flags `{}`",
    "reserved_word": "`{}` is a reserved word and cannot be declared",
    "rest": "what `...` collects must come last and can have no value of its own",
    "return": "`return` stands outside of a function",
    "shorthand_value": "`{} = …` in an object is not a property",
    "statement": "a declaration cannot stand here without braces around it",
    "strict_name": "`{}` cannot be declared or assigned to in a module",
    "super": "`super` stands outside of a method",
    "super_call": "`super()` stands outside of the constructor of a derived class",
    "undefined_export": "`{}` is exported but nowhere declared",
    "use_strict": "a function with such parameters cannot say `use strict`",
    "with": "`with` cannot stand in a module",
    "yield": "`yield` stands outside of a generator",
}


def check_jsx(code: str, kind: SourceKind = SourceKind.TSX) -> SyntaxVerdict:
    """Judges JSX and TSX, or what `kind` says; issues stand in text order, at most `MAX_ISSUES`. Never raises.

    >>> check_jsx("export default () => <p>Food & Drink</p>").valid
    True
    >>> check_jsx("<i>one</i><i class='b'>two</i>").soft
    1
    >>> [i.message for i in check_jsx("const a = <p>x</q>").issues]
    ['`<p>` opened here is closed by `</q>` at line 1']
    >>> [i.message for i in check_jsx("let a\\nlet a").early_errors]
    ['`a` is declared twice in one scope: first at line 1']
    """
    return verdict_of(code, read_source(code, kind))


def verdict_of(code: str, source: SourceReading) -> SyntaxVerdict:
    """The verdict on code that was read."""
    issues = [_issue(code, error) for error in source.errors]
    if source.unread is not None:
        issues.append(SyntaxIssue(source.unread, Position.of(code, source.end), _UNREAD[source.unread]))
    early = None if source.early is None else tuple(_early(code, error) for error in source.early)
    return SyntaxVerdict(tuple(sorted(issues, key=_place)[:MAX_ISSUES]), len(source.lint), early_errors=early)


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
    if error.code == UNCOMPILED:
        return SyntaxIssue("script-error", at, shown(error.message, _MAX_MESSAGE).rstrip("."))
    if error.opening is None:
        return SyntaxIssue(f"ts{error.code}", at, shown(error.message, _MAX_MESSAGE).rstrip("."))
    opening, opened = Position.of(code, error.opening), shown(error.opened)
    if error.code in _NEVER_CLOSED:
        return SyntaxIssue("unclosed", opening, f"`<{opened}>` opened here is never closed")
    message = f"`<{opened}>` opened here is closed by `</{shown(error.closed)}>` at line {at.line}"
    return SyntaxIssue("mismatched_tag", opening, message)


def _early(code: str, error: EarlyError) -> SyntaxIssue:
    first = "" if error.first is None else f": first at line {Position.of(code, error.first).line}"
    message = _EARLY[error.rule].format(shown(error.name)) + first
    return SyntaxIssue(f"early_{error.rule}", Position.of(code, error.offset), message)


def _place(issue: SyntaxIssue) -> tuple[int, int]:
    return issue.position.line, issue.position.column
