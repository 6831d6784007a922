"""What is collected while a component is read: issues, the pieces of code that stand in its markup, and what it holds.

The compilers of Vue and Svelte check markup themselves and hand each expression to a parser of JavaScript; so do the
readers here (`check_pieces`). What the code says of classes, colors and styles is read as it is for JSX: the scripts,
and each element as one without children (`<p className={…} />`) inside the outermost one around it, make one TSX text.
Expressions that do not parse are left out of it, so that one of them hides nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from scorers.contents import Contents
from scorers.jsx.check import verdict_of
from scorers.jsx.engine import ParseError, Piece, SourceKind, check_pieces, read_source
from scorers.jsx.read import read_jsx
from scorers.position import Lines, shown
from scorers.reading import FileReading
from scorers.verdict import MAX_ISSUES, SyntaxIssue, SyntaxVerdict

_MAX_MESSAGE = 200
# Of issues; what is left open is collected from the innermost element on, and shown from the outermost.
_MAX_COLLECTED = 10_000
_TAG = re.compile(r"[A-Za-z][\w-]*(?::[A-Za-z][\w-]*)?|[A-Za-z]\w*(?:\.[A-Za-z]\w*)+")
_UNDEFINED = "early_undefined_export"
_PROP = re.compile(r"[A-Za-z][\w-]*")
# Code between pieces is kept as it is; a piece that parses stands between these.
_AROUND = {
    "expression": ("(", "\n)"),
    "parameters": ("(", "\n) => {}"),
    "generic": ("", "\n => {}"),
    "constant": ("() => { const ", "\n}"),
    "module": ("() => {", "\n}"),
}

# What is said of a component whose code keeps the parser from it.
UNREAD = {
    "too_large": "the component holds more code than the parser reads",
    "too_complex": "the parser came to no end with the component's code",
}

# Text that stands as it is, or the number of a piece.
Chunk = str | int


@dataclass(frozen=True, slots=True)
class Prop:
    """An attribute as JSX has it: its name and the expression that is its value, in chunks."""

    name: str
    value: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """A piece of code and where it stands; `typed` None is what the component is."""

    shape: str
    code: str
    at: int
    typed: bool | None = None


@dataclass
class Component:
    """One component while it is read. `typed` allows TypeScript, in the expressions of its markup and in scripts that
    say nothing else."""

    code: str
    typed: bool = True
    soft: int = 0
    sheets: list[str] = field(default_factory=list)
    inline: list[str] = field(default_factory=list)
    _issues: list[tuple[int, str, str]] = field(default_factory=list)
    _pieces: list[_Place] = field(default_factory=list)
    _scripts: list[tuple[str, int]] = field(default_factory=list)
    _markup: list[Chunk] = field(default_factory=list)
    # The outermost element that is open.
    _around: str = ""

    @property
    def full(self) -> bool:
        """Whether nothing more needs to be reported."""
        return len(self._issues) >= MAX_ISSUES

    @cached_property
    def _lines(self) -> Lines:
        return Lines(self.code)

    def line(self, at: int) -> int:
        """The line of an offset, for a message."""
        return self._lines.position(at).line

    def issue(self, code: str, at: int, message: str) -> None:
        """One reason why the component does not parse, at an offset."""
        if len(self._issues) < _MAX_COLLECTED:
            self._issues.append((at, code, message))

    def piece(self, shape: str, at: int, code: str) -> int:
        """Code that stands at an offset; its number."""
        self._pieces.append(_Place(shape, code, at))
        return len(self._pieces) - 1

    def script(self, start: int, end: int, *, jsx: bool, typed: bool | None = None) -> None:
        """A script between two offsets."""
        code = self.code[start:end]
        self._pieces.append(_Place("jsxModule" if jsx else "module", code, start, typed))
        self._scripts.append((code, len(self._pieces) - 1))

    def element(self, name: str, props: Iterable[Prop], *, outermost: bool) -> None:
        """An element with what its attributes say; those that follow stand inside it if it is an `outermost` one."""
        name = name if _TAG.fullmatch(name) else "x"
        if outermost:
            self._close()
        self._markup.append(f"<{name}")
        for prop in props:
            self._markup += (f" {prop.name if _PROP.fullmatch(prop.name) else 'x'}={{", *prop.value, "}")
        self._markup.append(">\n" if outermost else "/>\n")
        self._around = name if outermost else self._around

    def _close(self) -> None:
        if self._around:
            self._markup.append(f"</{self._around}>\n")
        self._around = ""

    def expression(self, piece: int) -> None:
        """An expression between elements."""
        self._markup += ("{", piece, "}\n")

    def reading(self) -> FileReading:
        """The verdict on all that was collected, and what it holds."""
        found = check_pieces([Piece(p.shape, p.code, self.typed if p.typed is None else p.typed) for p in self._pieces])
        if isinstance(found, str):
            self.issue(found, 0, UNREAD[found])
            return FileReading(self._verdict(), Contents(sheets=tuple(self.sheets), has_all_css=False))
        for piece, error in zip(self._pieces, found, strict=True):
            if error is not None:
                self.issue(f"ts{error.code}", piece.at + error.offset, shown(error.message, _MAX_MESSAGE).rstrip("."))
        self._close()
        contents = read_jsx(self._as_tsx(found))
        sheets, inline = (*contents.sheets, *self.sheets), (*contents.inline, *self.inline)
        verdict = replace(self._verdict(), early_errors=self._early_errors(found))
        return FileReading(verdict, replace(contents, sheets=sheets, inline=inline, has_all_css=False))

    def _verdict(self) -> SyntaxVerdict:
        issues = sorted(self._issues)[:MAX_ISSUES]
        return SyntaxVerdict(
            tuple(SyntaxIssue(code, self._lines.position(at), text) for at, code, text in issues), self.soft
        )

    def _early_errors(self, errors: Sequence[ParseError | None]) -> tuple[SyntaxIssue, ...] | None:
        """Those of the scripts that parse, each for itself; None without one. The compiler declares names of its own,
        so that an export of an unknown one is none."""
        looked = [self._pieces[number] for _, number in self._scripts if errors[number] is None]
        found = [issue for place in looked for issue in self._early_errors_of(place) if issue.code != _UNDEFINED]
        return tuple(found) if looked else None

    def _early_errors_of(self, script: _Place) -> Iterable[SyntaxIssue]:
        typed = self.typed if script.typed is None else script.typed
        kind = SourceKind.TSX if script.shape == "jsxModule" else SourceKind.TS if typed else SourceKind.JS
        origin = self._lines.position(script.at)
        issues = verdict_of(script.code, read_source(script.code, kind)).early_errors or ()
        return (issue.moved(lambda place: place.inside(origin)) for issue in issues)

    def _as_tsx(self, errors: Sequence[ParseError | None]) -> str:
        scripts = [code for code, piece in self._scripts if errors[piece] is None]
        # Scripts that do not parse are read, too, but behind all else.
        broken = [code for code, piece in self._scripts if errors[piece] is not None]
        markup = [chunk if isinstance(chunk, str) else self._between(chunk, errors) for chunk in self._markup]
        return "\n".join((*scripts, ";<>", "".join(markup), "</>;", *broken))

    def _between(self, number: int, errors: Sequence[ParseError | None]) -> str:
        if errors[number] is not None:
            return "0"
        piece = self._pieces[number]
        before, after = _AROUND[piece.shape]
        return f"{before}{piece.code}{after}"


def text_value(text: str) -> Chunk:
    """A string literal for what an attribute says in plain text.

    >>> text_value('a "b"')
    '"a \\\\"b\\\\""'
    """
    return json.dumps(text)


def template_text(text: str) -> Chunk:
    """Plain text as a part of a template literal."""
    return re.sub(r"[\\`$]", r"\\\g<0>", text)
