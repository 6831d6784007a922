"""What a syntax check says of code: the words that all languages share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from scorers.position import Position

MAX_ISSUES = 100
_PLACE = re.compile(r"(?<=\bline )(\d+)(?:(, column )(\d+))?")
# What others say, with the code's own words in it.
_QUOTED = re.compile(r"(?:script-)?(?:ts\d+|error)")


@dataclass(frozen=True, slots=True)
class SyntaxIssue:
    """One reason why code does not parse, placed in the code itself, as is what the message says of another place:
    `line 3`, or `line 3, column 7`."""

    code: str
    position: Position
    message: str

    def moved(self, place: Callable[[Position], Position]) -> SyntaxIssue:
        """The issue where the code stands in another text; `place` says what becomes of a place.

        >>> issue = SyntaxIssue("unclosed", Position(2, 1), "`<p>` opened here is closed by `</b>` at line 3")
        >>> issue.moved(lambda at: at.inside(Position(5, 10))).message
        '`<p>` opened here is closed by `</b>` at line 7'
        """
        if _QUOTED.fullmatch(self.code):
            return replace(self, position=place(self.position))

        def named(match: re.Match[str]) -> str:
            at = place(Position(int(match[1]), int(match[3] or 1)))
            return f"{at.line}, column {at.column}" if match[3] else str(at.line)

        return replace(self, position=place(self.position), message=_PLACE.sub(named, self.message))


@dataclass(frozen=True, slots=True)
class SyntaxVerdict:
    """What a syntax check found: valid means without `issues`; `soft` counts what is forgiven.

    `script_errors` are why scripts of a page do not parse (codes `script-…`), of `scripts` that were checked: the page
    is broken for its reader, though its markup is not. `early_errors` are what the parser accepts and every engine and
    bundler refuses (a name declared twice); None where nobody looked for them. Neither makes code invalid.
    """

    issues: tuple[SyntaxIssue, ...]
    soft: int = 0
    scripts: int = 0
    script_errors: tuple[SyntaxIssue, ...] = ()
    early_errors: tuple[SyntaxIssue, ...] | None = None

    @property
    def valid(self) -> bool:
        """True without issues."""
        return not self.issues


def as_script_errors(issues: Iterable[SyntaxIssue]) -> tuple[SyntaxIssue, ...]:
    """Issues of a script as those of the page that it belongs to.

    >>> as_script_errors([SyntaxIssue("too_deep", Position(1, 1), "too deep")])[0].code
    'script-too_deep'
    """
    return tuple(i if i.code.startswith("script-") else replace(i, code=f"script-{i.code}") for i in issues)
