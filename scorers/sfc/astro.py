"""Astro: components in one file, judged as the compiler of Astro 7 (`@astrojs/compiler-rs`) parses them.

That compiler reads a component as JSX with the liberties of HTML. So it is here: `as_tsx` writes the component anew as
TSX, and TSX is judged and read as it always is. Scripts are parsed as TypeScript, but for those that are data.

Forgiven, as the compiler does (`soft`): an end tag with nothing open around it. Not covered: the syntax of style
sheets; text between two elements of an expression that does not begin with one.
"""

from __future__ import annotations

from dataclasses import replace

from scorers.contents import Contents
from scorers.jsx.check import check_jsx
from scorers.jsx.engine import Piece, check_pieces
from scorers.jsx.read import read_jsx
from scorers.position import Lines, Position, shown
from scorers.reading import FileReading
from scorers.sfc.astro_rewriting import Rewritten, as_tsx
from scorers.sfc.component import UNREAD
from scorers.verdict import MAX_ISSUES, SyntaxIssue, SyntaxVerdict

_MAX_MESSAGE = 200
# Scripts have no JSX in them as a rule, but Astro's may.
_SCRIPT = "jsxModule"


def read_astro(code: str) -> FileReading:
    """Judges and reads a component of Astro. Linear; never raises.

    >>> reading = read_astro("---\\n---\\n<ul>{b.map(c => <li class:list={['p-4', { m: c }]}>x<br></p>)}</ul>")
    >>> [(issue.code, issue.position.line, issue.position.column) for issue in reading.verdict.issues]
    [('mismatched_tag', 3, 17)]
    >>> reading.contents.class_names, reading.contents.tags
    (('p-4', 'm'), ('ul', 'li', 'br'))
    """
    written = as_tsx(code)
    lines = Lines(code)
    scripts = [code[start:end] for start, end in written.scripts]
    issues = [*_markup_issues(code, written, lines), *_script_issues(scripts, written, lines)]
    issues.sort(key=lambda issue: (issue.position.line, issue.position.column))
    return FileReading(SyntaxVerdict(tuple(issues[:MAX_ISSUES]), written.soft), _contents(written, scripts))


def _markup_issues(code: str, written: Rewritten, lines: Lines) -> list[SyntaxIssue]:
    """The issues of the TSX, in the component. What an earlier one makes of the fragments around and of the end of the
    text is left out."""
    inside = Lines(written.code)

    def place(written_at: Position) -> Position:
        return lines.position(min(written.places(inside.offset(written_at)), len(code)))

    own: list[SyntaxIssue] = []
    others: list[SyntaxIssue] = []
    for issue in check_jsx(written.code).issues:
        offset = inside.offset(issue.position)
        at = min(written.places(offset), len(code))
        derived = offset in written.ours or at == len(code)
        (others if derived else own).append(issue.moved(place))
    unclosed = [
        SyntaxIssue("unclosed", lines.position(at), f"`<{shown(name)}>` opened here is never closed")
        for name, at in written.unclosed[:MAX_ISSUES]
    ]
    return own or (others and (unclosed or others))


def _script_issues(scripts: list[str], written: Rewritten, lines: Lines) -> list[SyntaxIssue]:
    found = check_pieces([Piece(_SCRIPT, script) for script in scripts])
    if isinstance(found, str):
        return [SyntaxIssue(found, lines.position(0), UNREAD[found])]
    return [
        SyntaxIssue(
            f"ts{error.code}", lines.position(start + error.offset), shown(error.message, _MAX_MESSAGE).rstrip(".")
        )
        for (start, _), error in zip(written.scripts, found, strict=True)
        if error is not None
    ]


def _contents(written: Rewritten, scripts: list[str]) -> Contents:
    contents = read_jsx(written.code)
    beside = read_jsx("\n;".join(scripts)) if scripts else Contents()
    return replace(
        contents,
        class_names=contents.class_names + beside.class_names,
        loose_names=contents.loose_names + beside.loose_names,
        literals=contents.literals + beside.literals,
        sheets=(*contents.sheets, *written.sheets),
        inline=(*contents.inline, *written.inline),
    )
