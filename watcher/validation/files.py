"""From a file's bytes to rows. What a file is, its content says; its name only helps with CSV.

Read are JSON lines (objects that span lines included), one JSON array, one object that holds one list of objects, CSV,
TSV and parquet (the extra `parquet`); each also packed by gzip, bzip2 or xz, and text in UTF-8, UTF-16 or UTF-32.
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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from watcher.model import Reason, UimonError
from watcher.validation.shapes import COLUMNS

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
_WRAPPERS: Final = (
    *("data", "dataset", "rows", "examples", "instances", "items", "records", "samples", "entries", "prompts"),
    *("train", "validation", "valid", "val", "eval", "dev", "test"),
)
"""Keys under which a file that is one object has its rows; another list of objects is a row's own column."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `place` counts from 1, in the table's `unit`."""

    place: int
    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A file's rows in their order. `unit` is `line`, `entry` or `row`; `digest` is SHA-256 over the file's bytes."""

    rows: tuple[Row, ...]
    unit: str
    digest: str


def read_table(path: Path) -> Table:
    """The rows of a validation file.

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
    if text.lstrip().startswith("["):
        return Table(tuple(_array(path, text)), "entry", digest)
    separator = _separator(path, text)
    if separator:
        return Table(tuple(_separated(path, text, separator)), "row", digest)
    rows = list(_lines(path, text))
    inner = _only_list(rows)
    if inner is not None:
        return Table(tuple(_objects(path, inner)), "entry", digest)
    return Table(tuple(rows), "line", digest)


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


def _array(path: Path, text: str) -> Iterator[Row]:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise _invalid(path, f"is one JSON array that is broken at line {error.lineno} ({error.msg})") from None
    except RecursionError:
        raise _invalid(path, "is JSON that is nested too deeply") from None
    yield from _objects(path, values)


def _objects(path: Path, values: list[Any]) -> Iterator[Row]:
    for place, value in enumerate(values, start=1):
        if not isinstance(value, dict):
            raise _invalid(path, f"is one JSON array whose entry {place} is not a JSON object")
        yield Row(place, value)


def _lines(path: Path, text: str) -> Iterator[Row]:
    """JSON objects one after the other, each by the line at which it begins."""
    decoder, at, line = json.JSONDecoder(), 0, 1
    while True:
        begin = _next_value(text, at)
        if begin == len(text):
            return
        line += text.count("\n", at, begin)
        try:
            value, end = decoder.raw_decode(text, begin)
        except json.JSONDecodeError as error:
            raise _invalid(path, f"is broken: line {line} is not JSON ({error.msg})") from None
        except RecursionError:
            raise _invalid(path, f"is broken: line {line} is JSON that is nested too deeply") from None
        if not isinstance(value, dict):
            raise _invalid(path, f"is broken: line {line} is not a JSON object")
        yield Row(line, value)
        line, at = line + text.count("\n", begin, end), end


def _next_value(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _only_list(rows: list[Row]) -> list[Any] | None:
    """The list of a file that is one object around its rows, as `{"data": [...]}`."""
    if len(rows) != 1:
        return None
    lists = [value for key, value in rows[0].value.items() if key in _WRAPPERS and isinstance(value, list) and value]
    return lists[0] if len(lists) == 1 else None


def _separator(path: Path, text: str) -> str:
    """What separates a table's cells; empty where the file is none."""
    head = text.lstrip().partition("\n")[0]
    if head.startswith("{"):
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
            yield Row(place, row)
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
