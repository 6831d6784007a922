"""From a file's bytes to rows. What a file is, its content says; its name only helps with CSV.

Read are JSON lines (objects that span lines included), one JSON array, one object that holds one list of objects, CSV,
TSV and parquet (the extra `parquet`); each also packed by gzip, bzip2 or xz, and text in UTF-8, UTF-16 or UTF-32. A
list of messages may stand where a row should.
"""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import hashlib
import io
import json
import lzma
import sys
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from watcher.model import Reason, UimonError
from watcher.validation.shapes import COLUMNS
from watcher.validation.turns import is_conversation
from watcher.validation.wrappers import Ambiguous, as_row, cut_cells, entries_in

_UNPACK: Final[Mapping[bytes, Callable[[bytes], bytes]]] = {
    b"\x1f\x8b": gzip.decompress,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ\x00": lzma.decompress,
}
_FOREIGN: Final[Mapping[bytes, tuple[str, str]]] = {
    b"\x28\xb5\x2f\xfd": ("packed by zstd", "unpack it with `zstd -d`"),
    b"PK\x03\x04": ("a zip archive or a spreadsheet", "unpack it, or save it as CSV or JSON lines"),
    b"ARROW1": ("an Arrow file", "save it with the datasets library's `to_json` or `to_parquet`"),
    b"\xff\xff\xff\xff": ("an Arrow stream", "save it with the datasets library's `to_json` or `to_parquet`"),
}
# UTF-32's mark begins with UTF-16's.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEPARATORS: Final = ("\t", ",", ";")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `place` counts from 1, in the table's `unit`."""

    place: int
    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A file's rows in their order. `unit` is `line`, `entry` or `row`; `digest` is SHA-256 over the file's bytes.
    `notes` say what was chosen of the file.
    """

    rows: tuple[Row, ...]
    unit: str
    digest: str
    notes: tuple[str, ...] = ()


def read_table(path: Path, columns: Collection[str] = COLUMNS) -> Table:
    """The rows of a validation file. An object with some of these `columns` is a row.

    Raises UimonError: VAL_MISSING without the file, VAL_INVALID where it is empty, is not one of the kinds above, or
    is damaged (the sentence names the line).
    """
    if path.is_dir():
        raise UimonError(Reason.VAL_MISSING, f"The validation file {path} is a directory; name a file with --val.")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UimonError(Reason.VAL_MISSING, f"The validation file {path} does not exist; check --val.") from None
    except OSError as error:
        sentence = f"The validation file {path} cannot be read ({error.strerror}); check --val."
        raise UimonError(Reason.VAL_MISSING, sentence) from None
    digest = hashlib.sha256(data).hexdigest()
    content = _unpacked(path, data)
    if content.startswith(b"PAR1"):
        return Table(tuple(_parquet(path, content)), "row", digest)
    text = _decoded(path, content)
    if not text.strip():
        raise _invalid(path, "is empty; it needs one JSON object a line")
    separator = _separator(path, text)
    if separator:
        return Table(tuple(_separated(path, text, separator)), "row", digest)
    values = list(_values(path, text))
    inner, notes = _inner(path, values, columns)
    if inner is not None:
        return Table(tuple(_rows(path, enumerate(inner, start=1), "entry")), "entry", digest, tuple(notes))
    return Table(tuple(_rows(path, values, "line")), "line", digest)


def _invalid(path: Path, what: str) -> UimonError:
    return UimonError(Reason.VAL_INVALID, f"The validation file {path} {what}.")


def _unpacked(path: Path, data: bytes) -> bytes:
    for magic, (what, step) in _FOREIGN.items():
        if data.startswith(magic):
            raise _invalid(path, f"is {what}, which uimon does not read; {step}")
    for magic, unpack in _UNPACK.items():
        if data.startswith(magic):
            try:
                return unpack(data)
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
                raise _invalid(path, f"is packed, and damaged ({error}); pack it anew") from None
    return data


def _decoded(path: Path, data: bytes) -> str:
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), None) or _unmarked(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        where = f"byte {error.start + 1} is not {encoding.upper()}"
        raise _invalid(path, f"is neither UTF-8 nor UTF-16 text ({where}); save it as UTF-8") from None
    # A bare carriage return cannot stand in JSON, so each one ends a line; U+2028 can, and does not.
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _unmarked(data: bytes) -> str:
    """UTF-16 without its mark shows by the zero bytes beside ASCII characters."""
    if data[1:2] == b"\0":
        return "utf-16-le"
    return "utf-16-be" if data[:1] == b"\0" else "utf-8"


def _values(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    """JSON values one after the other, each with the line at which it begins."""
    decoder, at, line = json.JSONDecoder(), 0, 1
    while True:
        begin = _next_value(text, at)
        if begin == len(text):
            return
        line += text.count("\n", at, begin)
        try:
            value, end = decoder.raw_decode(text, begin)
        except json.JSONDecodeError as error:
            if at == 0 and text.startswith("[", begin):
                raise _invalid(path, f"is one JSON array that is broken at line {error.lineno} ({error.msg})") from None
            raise _invalid(path, f"is broken: line {line} is not JSON ({error.msg})") from None
        except RecursionError:
            raise _invalid(path, f"is broken: line {line} is JSON that is nested too deeply") from None
        yield line, value
        line, at = line + text.count("\n", begin, end), end


def _next_value(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _inner(path: Path, values: list[tuple[int, Any]], columns: Collection[str]) -> tuple[list[Any] | None, list[str]]:
    """The list that a file's only value is or holds, and notes on it; None where each value is a row."""
    if len(values) != 1:
        return None, []
    ((_, value),) = values
    if isinstance(value, list):
        return (None if is_conversation(value) else value), []
    try:
        found = entries_in(value, columns) if isinstance(value, dict) else None
    except Ambiguous as lists:
        raise _invalid(path, f"holds several lists of rows ({lists}); save the one to be asked as a file") from None
    return found or (None, [])


def _rows(path: Path, values: Iterable[tuple[int, Any]], unit: str) -> Iterator[Row]:
    for place, value in values:
        row = as_row(value)
        if row is None and unit == "entry":
            raise _invalid(path, f"is one JSON array whose entry {place} is not a JSON object")
        if row is None:
            raise _invalid(path, f"is broken: line {place} is not a JSON object")
        if cut := cut_cells(value):
            raise _invalid(
                path, f"is a page of the dataset viewer, which has cut off {', '.join(cut)} of {unit} {place}"
            )
        yield Row(place, row)


def _separator(path: Path, text: str) -> str:
    """What separates a table's cells; empty where the file is none."""
    head = text.lstrip().partition("\n")[0]
    if head.startswith(("{", "[")):
        return ""
    named = {".csv", ".tsv"} & {suffix.lower() for suffix in path.suffixes}
    for separator in _SEPARATORS:
        columns = {cell.strip().strip('"') for cell in head.split(separator)}
        if len(columns) > 1 and (named or columns & COLUMNS):
            return separator
    return "," if named else ""


def _separated(path: Path, text: str, separator: str) -> Iterator[Row]:
    # Pages are longer than the 128 KiB that the reader allows a cell.
    before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        for place, row in enumerate(reader, start=1):
            if None in row or None in row.values():
                raise _invalid(path, f"has another number of cells in row {place} than in its head")
            # As pandas and the datasets library read it: an empty cell is none.
            yield Row(place, {name: cell or None for name, cell in row.items()})
    except csv.Error as error:
        raise _invalid(path, f"is broken near line {reader.line_num} ({error})") from None
    finally:
        csv.field_size_limit(before)


def _parquet(path: Path, data: bytes) -> Iterator[Row]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        what = "is parquet, which needs pyarrow; install it with `pip install 'uimon[parquet]'`, or save JSON lines"
        raise _invalid(path, what) from None
    try:
        table = pyarrow.parquet.read_table(pyarrow.BufferReader(data))
    except (pyarrow.ArrowException, OSError) as error:
        raise _invalid(path, f"is parquet that cannot be read ({str(error).splitlines()[0]})") from None
    if not table.num_rows:
        raise _invalid(path, "is empty: a parquet file without rows")
    for place, value in enumerate(table.to_pylist(), start=1):
        yield Row(place, value)
