"""Reads JSX and TSX with TypeScript's own parser, in a V8 that lives inside the process (no node is needed).

The verdict is the compiler's because the parser is (`typescript_parser.js`); what stands in the tree is collected
beside it (`reader.js`), so that code is parsed once for both. Each process has one engine, made on first use:
V8 does not survive a fork, but a child makes its own.

Bounds: `MAX_CHARACTERS` of code; `MAX_MEMORY` bytes of heap; time in proportion to the length, `MIN_SECONDS` and a
second for each `CHARACTERS_PER_SECOND`. Code that nests too deeply for the stack (about 1,000 brackets, 2,000 elements)
is read up to where it fits.

Against TypeScript 5.9.3 on 12,181 files (300 generated, 1,612 real, 195 fixtures, 10,074 mutations) this agrees on all;
oxc-python 0.1.1, which is faster (0.1 ms for 4 KB, this one about 2), differs on 11, gives no places and has no
maintainer; tree-sitter-typescript 0.23.2 with tag names compared differs on 204. QuickJS takes 17 ms for 4 KB.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from scorers.contents import Ground

if TYPE_CHECKING:
    from py_mini_racer import JSFunction, MiniRacer

# A completion of 128k tokens stays below this.
MAX_CHARACTERS = 600_000
# A busy machine parses more than this a second; some texts ("export export …") take the parser quadratic time.
MIN_SECONDS = 5.0
CHARACTERS_PER_SECOND = 60_000
MAX_MEMORY = 1 << 30


@dataclass(frozen=True, slots=True)
class ParseError:
    """One diagnostic of the parser. `code` is TypeScript's number, `offset` counts characters of the code.

    For tags that do not match, `opening` is the offset of the opening tag, `opened` and `closed` are the names; both
    are empty for a fragment, `closed` also where no closing tag follows.
    """

    code: int
    offset: int
    message: str
    opening: int | None = None
    opened: str = ""
    closed: str = ""


@dataclass(frozen=True, slots=True)
class Lint:
    """What parses, though React refuses it or warns: which rule, where, and the attribute's or the element's name."""

    rule: str
    offset: int
    name: str


@dataclass(frozen=True, slots=True)
class Source:
    """What one text of JSX or TSX holds, in text order.

    `classes` are words where class names stand; `loose` holds the words of each other literal with a dash or a colon.
    `attributes` and `properties` are colors, as far as they are known, with the attribute or the key that they belong
    to; `literals` are colors that the code uses in some other way (`colors.js` says what counts), and `variables` those
    that a palette in it defines; `constants` are colors that other files may import (path, text, and whether this file
    uses it itself). `sheets` is CSS in `<style>` and in styled components, `markup` what is set as
    `__html`; `grounds` may be the page's background. `unread` names the limit that kept the parser from reading on, and
    `end` is the offset up to which it came.
    """

    errors: tuple[ParseError, ...] = ()
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
    markup: tuple[str, ...] = ()
    grounds: tuple[Ground, ...] = ()
    unread: str | None = None
    end: int = 0


@lru_cache(maxsize=2)
def read_source(code: str) -> Source:
    """Parses and reads `code`, as TSX: every JSX file without Flow types is one. Never raises.

    >>> source = read_source('export default () => <p className="flex">{a as string}</q>')
    >>> source.classes, [(error.code, error.opened, error.closed) for error in source.errors]
    (('flex',), [(17002, 'p', 'q')])
    """
    from py_mini_racer import JSEvalException, JSTimeoutException

    readable = code[:MAX_CHARACTERS].encode("utf-8", "replace").decode()
    seconds = MIN_SECONDS + len(readable) / CHARACTERS_PER_SECOND
    try:
        answer = _engine().read(readable, timeout_sec=seconds)
    except JSEvalException as error:
        if not isinstance(error, JSTimeoutException):
            # A heap that was full once refuses everything from then on.
            _close()
        return Source(unread="too_complex")
    return _source(json.loads(str(answer)), code, readable)


def _source(found: dict[str, Any], code: str, readable: str) -> Source:
    place = _Offsets(readable)
    deep = found["deep"]
    return Source(
        errors=tuple(_error(place, *entry) for entry in found["errors"]),
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
        markup=tuple(found["markup"]),
        grounds=tuple(Ground(*entry) for entry in found["grounds"]),
        unread="too_deep" if deep is not None else "too_large" if len(readable) < len(code) else None,
        end=len(readable) if deep is None else place(deep),
    )


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


@dataclass(frozen=True, slots=True)
class _Engine:
    """V8, and the function in it that reads code; V8 ends when nobody holds it."""

    v8: MiniRacer
    read: JSFunction


# By process: a forked child makes its own and leaves its parent's alone, whose threads stayed behind.
_engines: dict[int, _Engine] = {}


def _abandon() -> None:
    """In a forked child: its parent's engines must never be freed, because that waits for threads it does not have."""
    for engine in _engines.values():
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(engine))


os.register_at_fork(after_in_child=_abandon)


def _close() -> None:
    """Ends this process's V8; while the interpreter is torn down, its threads would no longer answer."""
    engine = _engines.pop(os.getpid(), None)
    if engine is not None:
        engine.v8.close()


def _engine() -> _Engine:
    process = os.getpid()
    if process not in _engines:
        # Where an event loop runs, an engine made there would live on that loop and wait for itself.
        with ThreadPoolExecutor(1) as thread:
            _engines[process] = thread.submit(_make_engine).result()
        atexit.register(_close)
    return _engines[process]


def _make_engine() -> _Engine:
    from py_mini_racer import JSFunction, MiniRacer

    v8 = MiniRacer()
    v8.set_hard_memory_limit(MAX_MEMORY)
    for name in ("typescript_parser.js", "names.js", "colors.js", "reader.js"):
        v8.eval(files("scorers.jsx").joinpath(name).read_text("utf-8"))
    read = v8.eval("readJsx")
    assert isinstance(read, JSFunction)
    return _Engine(v8, read)
