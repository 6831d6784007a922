"""Reads JavaScript and TypeScript with TypeScript's own parser, in a V8 that lives inside the process (without node).

The verdict is the compiler's because the parser is (`typescript_parser.js`); what stands in the tree is collected
beside it (`reader.js`), so that code is parsed once for both, and what engines and bundlers refuse of code that parses
is looked for in the same tree (`early_errors.js`). Whether a page's script compiles is asked of V8 itself
(`scripts.js`). Nothing is ever run.

Bounds: `MAX_CHARACTERS` of code; `v8.MAX_MEMORY` bytes of heap; a number of tokens in proportion to the length that the
parser may read, looking ahead and coming back (`reader.js`): unlike a clock, it says the same on a busy machine. Code
that nests too deeply for the stack (about 1,000 brackets, 2,000 elements) is read up to where it fits.

Against TypeScript 5.9.3 on 12,181 files (300 generated, 1,612 real, 195 fixtures, 10,074 mutations) this agrees on all;
oxc-python 0.1.1, which is faster (0.1 ms for 4 KB, this one about 1), differs on 11, gives no places and has no
maintainer; tree-sitter-typescript 0.23.2 with tag names compared differs on 204. QuickJS takes 17 ms for 4 KB.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import Any

from scorers.contents import Ground
from scorers.jsx import v8

# A completion of 128k tokens stays below this.
MAX_CHARACTERS = 600_000
# Stands in `SourceReading.markup` for what a script puts into it (a character for private use).
HOLE = "\ue000"
# Far above what a component holds; a parser is started for each.
MAX_PIECES = 20_000


class SourceKind(Enum):
    """What code is read as. `TSX` is any file of React; `SCRIPT` and `MODULE` are what a page runs as it stands."""

    TSX = "tsx"
    JS = "js"
    TS = "ts"
    SCRIPT = "script"
    MODULE = "module"


@dataclass(frozen=True, slots=True)
class ParseError:
    """One diagnostic of the parser, or of V8 where a page's script does not compile.

    `code` is TypeScript's number, or `UNCOMPILED`; `offset` counts characters of the code.

    For tags that do not match, `opening` is the offset of the opening tag, `opened` and `closed` are the names; both
    are empty for a fragment, `closed` also where no closing tag follows.
    """

    code: int
    offset: int
    message: str
    opening: int | None = None
    opened: str = ""
    closed: str = ""


UNCOMPILED = 0


@dataclass(frozen=True, slots=True)
class EarlyError:
    """What the parser accepts and every engine refuses: which rule of `early_errors.js`, where, of which name, and the
    offset of what came first, where there is such a thing."""

    rule: str
    offset: int
    name: str
    first: int | None


@dataclass(frozen=True, slots=True)
class Lint:
    """What parses, though React refuses it or warns: which rule, where, and the attribute's or the element's name."""

    rule: str
    offset: int
    name: str


@dataclass(frozen=True, slots=True)
class SourceReading:
    """What one text of JavaScript or TypeScript holds, in text order.

    `early` is None where code does not parse. `classes` are words where class names stand; `loose` holds the words of
    each other literal with a dash or a colon. `attributes` and `properties` are colors, as far as they are known, with
    the attribute or the key that they belong to; `literals` are colors that the code uses in some other way
    (`colors.js` says what counts), and `variables` those that a palette in it defines; `constants` are colors that
    other files may import (path, text, and whether this file uses it itself). `sheets` is CSS in `<style>`, in `__html`
    and in styled components, `inline` what is set as an element's style. `markup` is HTML in literals, with `HOLE` for
    what is put into it; `imports` are module names; `grounds` may be the page's background. `unread` names the limit
    that kept the parser from reading on, and `end` is the offset up to which it came.
    """

    errors: tuple[ParseError, ...] = ()
    early: tuple[EarlyError, ...] | None = None
    lint: tuple[Lint, ...] = ()
    tags: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    loose: tuple[tuple[str, ...], ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    literals: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    constants: tuple[tuple[str, str, bool], ...] = ()
    sheets: tuple[str, ...] = ()
    inline: tuple[str, ...] = ()
    markup: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    grounds: tuple[Ground, ...] = ()
    unread: str | None = None
    end: int = 0


@lru_cache(maxsize=2)
def read_source(code: str, kind: SourceKind = SourceKind.TSX) -> SourceReading:
    """Parses and reads `code`; every JSX file without Flow types is TSX, too. Never raises.

    >>> source = read_source('export default () => <p className="flex">{a as string}</q>')
    >>> source.classes, [(error.code, error.opened, error.closed) for error in source.errors]
    (('flex',), [(17002, 'p', 'q')])
    >>> read_source("let a = 1\\nlet b c", SourceKind.SCRIPT).errors
    (ParseError(code=0, offset=16, message="Unexpected identifier 'c'", opening=None, opened='', closed=''),)
    """
    readable = _readable(code[:MAX_CHARACTERS])
    answer = _asked("readSource", readable, kind.value)
    found: dict[str, Any] = {"unread": "too_complex"} if answer is None else json.loads(answer)
    if "unread" in found:
        return SourceReading(unread=found["unread"])
    source = _source(found, code, readable)
    if source.unread == "too_large":
        # Where the text was cut, errors are the cut's.
        return replace(source, errors=(), early=None, lint=())
    if found.get("refused") and source.unread is None:
        return replace(source, errors=(_uncompiled(readable, kind),))
    return source


def refused_handlers(codes: Sequence[str]) -> tuple[tuple[int, str], ...]:
    """The index and V8's sentence of each event handler's attribute (`onclick="…"`) that does not compile.

    >>> refused_handlers(["return go()", "go("])
    ((1, "Unexpected token '}'"),)
    """
    answer = _asked("refusedHandlers", [_readable(code) for code in codes])
    return () if answer is None else tuple((index, message) for index, message in json.loads(answer))


@dataclass(frozen=True, slots=True)
class Piece:
    """Code that stands by itself in a template. `shape` is one of `pieces.js`; `typed` allows what only TypeScript
    knows."""

    shape: str
    code: str
    typed: bool = True


def check_pieces(pieces: Sequence[Piece]) -> tuple[ParseError | None, ...] | str:
    """Why each piece does not parse, None where it does; the limit, as in `SourceReading.unread`, that kept the parser
    from them. Never raises.

    >>> found = check_pieces([Piece("expression", "{ a: b }"), Piece("expression", "a b"), Piece("module", "let a: b")])
    >>> [error and (error.code, error.offset) for error in found if not isinstance(error, str)]
    [None, (1005, 2), None]
    """
    length = sum(len(piece.code) for piece in pieces)
    if length > MAX_CHARACTERS or len(pieces) > MAX_PIECES:
        return "too_large"
    answer = _asked("checkPieces", [[piece.shape, piece.code, piece.typed] for piece in pieces])
    found = None if answer is None else json.loads(answer)
    if found is None:
        return "too_complex"
    return tuple(
        None if error is None else _error(_Offsets(piece.code), *error)
        for piece, error in zip(pieces, found, strict=True)
    )


def read_configuration(code: str) -> Any:
    """The object that code hands to Tailwind, in the form of `configuration.js`; None where it has none, and where the
    parser's bounds keep it from being read. Never raises.

    >>> read_configuration("module.exports = { a: ['b', f(1)] }")
    {'members': [['a', ['b', {'code': 'f(1)'}]]]}
    """
    answer = _asked("readConfiguration", _readable(code))
    return None if answer is None else json.loads(answer)


def _readable(code: str) -> str:
    return code.encode("utf-8", "replace").decode()


def _called(function: str, *arguments: Any) -> str:
    """What a function of the engine answers to values that JSON knows.

    As one text to evaluate: a call by its parts goes to V8's thread and back for each of them. Raises what
    `v8.evaluate` raises.
    """
    written = ", ".join(map(json.dumps, arguments))
    return str(v8.evaluate(f"{function}({written})"))


def _asked(function: str, *arguments: Any) -> str | None:
    """What a function of the engine answers; None where its memory or its time came to an end."""
    from py_mini_racer import JSEvalException

    # What earlier code left in the heap must not decide what is said of this one, so a new heap is asked as well.
    for _ in range(2):
        try:
            return _called(function, *arguments)
        except TimeoutError:
            return None
        except JSEvalException:
            # A heap that was full once refuses everything from then on.
            v8.close()
    return None


def _uncompiled(code: str, kind: SourceKind) -> ParseError:
    """Why V8 refuses a script: its sentence, and the place, which only an exception that nobody catches has."""
    from py_mini_racer import JSEvalException

    try:
        _called("compileScript", code, kind.value)
    except (JSEvalException, TimeoutError) as error:
        found = _REFUSAL.match(str(error))
        if found is None:
            v8.close()
        else:
            # V8 puts two lines before the body of a function; scripts.js puts another one before a module.
            line = int(found["line"]) - (3 if kind is SourceKind.MODULE else 2)
            return ParseError(UNCOMPILED, _offset_of(code, line, len(found["before"])), found["message"])
    return ParseError(UNCOMPILED, 0, "the script does not compile")


_REFUSAL = re.compile(r"undefined:(?P<line>\d+): SyntaxError: (?P<message>[^\n]*)\n[^\n]*\n(?P<before> *)\^")


def _offset_of(code: str, line: int, column: int) -> int:
    """The offset of a column (in UTF-16 units, from 0) of a line (from 1); the end for a line behind the last one, the
    beginning for one before the first: V8 places some errors in what it puts around a script."""
    if line < 1:
        return 0
    lines = code.split("\n")
    if line > len(lines):
        return len(code)
    return sum(map(len, lines[: line - 1])) + line - 1 + _Offsets(lines[line - 1])(column)


def _source(found: dict[str, Any], code: str, readable: str) -> SourceReading:
    place = _Offsets(readable)
    deep = found["deep"]
    return SourceReading(
        errors=tuple(_error(place, *entry) for entry in found["errors"]),
        early=None if found["early"] is None or deep is not None else tuple(_early(place, *e) for e in found["early"]),
        lint=tuple(Lint(rule, place(offset), name) for rule, offset, name in found["lint"] or ()),
        tags=tuple(found["tags"]),
        classes=tuple(found["classes"]),
        loose=tuple(tuple(words) for words in found["loose"]),
        attributes=tuple((name, text) for name, text in found["attributes"]),
        properties=tuple((name, text) for name, text in found["properties"]),
        literals=tuple(found["literals"]),
        variables=tuple((name, text) for name, text in found["variables"]),
        constants=tuple((path, text, used) for path, text, used in found["constants"]),
        sheets=tuple(found["sheets"]),
        inline=tuple(found["inline"]),
        markup=tuple(found["markup"]),
        imports=tuple(found["imports"]),
        grounds=tuple(Ground(*entry) for entry in found["grounds"]),
        unread="too_deep" if deep is not None else "too_large" if len(readable) < len(code) else None,
        end=len(readable) if deep is None else place(deep),
    )


def _early(place: _Offsets, rule: str, at: int, name: str, first: int) -> EarlyError:
    return EarlyError(rule, place(at), name, None if first < 0 else place(first))


def _error(place: _Offsets, code: int, at: int, message: str, opening: int = -1, *names: str) -> ParseError:
    if opening < 0:
        return ParseError(code, place(at), message)
    return ParseError(code, place(at), message, place(opening), *names)


class _Offsets:
    """Turns the engine's offsets, in UTF-16 units, into characters.

    >>> place = _Offsets("a😀b"); place(3), place(99)
    (2, 3)
    """

    def __init__(self, text: str) -> None:
        self._length = len(text)
        self._wide = None if text.isascii() or max(text) <= "\uffff" else text.encode("utf-16-le", "surrogatepass")

    def __call__(self, offset: int) -> int:
        if self._wide is None:
            return min(offset, self._length)
        return len(self._wide[: 2 * offset].decode("utf-16-le", "replace"))
