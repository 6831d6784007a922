"""From a file's bytes to rows, for validation and for scoring. What a file is, its content says; its name only helps
with CSV.

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
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import IO, Any, Final

from watcher.model import Reason, UimonError
from watcher.system.files import read_bytes
from watcher.validation.shapes import COLUMNS
from watcher.validation.turns import is_conversation
from watcher.validation.wrappers import Ambiguous, as_row, cut_cells, entries_in, is_columnar

_UNPACK: Final[Mapping[bytes, Callable[[IO[bytes]], BufferedIOBase]]] = {
    b"\x1f\x8b": lambda packed: gzip.GzipFile(fileobj=packed),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
_FOREIGN: Final[Mapping[bytes, tuple[str, str]]] = {
    b"\x28\xb5\x2f\xfd": ("compressed by zstd", "unpack it with `zstd -d`"),
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


FILE_LIMIT: Final = 256 * 2**20
"""Longest file of rows or of code that is read, in bytes, packed or not."""


class Unreadable(Exception):
    """A file whose bytes are no rows; the text says what is wrong, as it stands behind the file's name."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row: `place` counts from 1, in the table's `unit`. `value` is what JSON has there; from `read_table`, and in
    rows of CSV and parquet, it is an object.
    """

    place: int
    value: Any


@dataclass(frozen=True, slots=True)
class FileTable:
    """A file's rows in their order. `unit` is `line`, `entry` or `row`; `digest` is SHA-256 over the file's bytes.
    `notes` say what was chosen of the file.
    """

    rows: tuple[FileRow, ...]
    unit: str
    digest: str
    notes: tuple[str, ...] = ()


def read_table(path: Path, columns: Collection[str] = COLUMNS) -> FileTable:
    """The rows of a validation file. An object with some of these `columns` is a row.

    Raises UimonError: VAL_MISSING without the file, VAL_INVALID where it is empty, is not one of the kinds above, or
    is damaged, or where a row is no object (the sentence names the line).
    """
    if path.is_dir():
        raise UimonError(Reason.VAL_MISSING, f"The validation file {path} is a directory; name a file with --val.")
    try:
        return _objects_of(read_values(path), columns)
    except FileNotFoundError:
        raise UimonError(Reason.VAL_MISSING, f"The validation file {path} does not exist; check --val.") from None
    except OSError as error:
        sentence = f"The validation file {path} cannot be read ({error.strerror}); check --val."
        raise UimonError(Reason.VAL_MISSING, sentence) from None
    except Unreadable as what:
        raise UimonError(Reason.VAL_INVALID, f"The validation file {path} {what}.") from None


def read_values(path: Path) -> FileTable:
    """The rows of a file, whatever JSON they are; none of an empty file. Raises Unreadable, and OSError."""
    data = read_bytes(path, FILE_LIMIT)
    digest = hashlib.sha256(data).hexdigest()
    content = _unpacked(data)
    if content.startswith(b"PAR1"):
        return FileTable(tuple(_parquet(content)), "row", digest)
    text = _decoded(content)
    # A bare carriage return cannot stand in JSON, so each one ends a line; U+2028 can, and does not.
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    separator = _separator(path, lines)
    if separator:
        # A page in a cell has the line ends that it had, as the datasets library leaves them.
        return FileTable(tuple(_separated(text, separator)), "row", digest)
    rows = tuple(_lines(lines))
    if len(rows) == 1 and isinstance(rows[0].value, list):
        return FileTable(_entries(rows[0].value), "entry", digest)
    return FileTable(rows, "line", digest)


def _objects_of(table: FileTable, columns: Collection[str]) -> FileTable:
    """The rows of a file that must be objects. Raises Unreadable where one is none, and without any."""
    if table.unit == "row":
        return table
    if table.unit == "line" and not table.rows:
        raise Unreadable("is empty; it needs one JSON object a line")
    table = _unwrapped(table, columns)
    return replace(table, rows=tuple(FileRow(row.place, _object(row, table.unit)) for row in table.rows))


def _unwrapped(table: FileTable, columns: Collection[str]) -> FileTable:
    """The rows inside a file's only value, where that is no row itself."""
    values = [row.value for row in table.rows]
    if table.unit == "entry":
        return replace(table, rows=(FileRow(1, values),), unit="line") if is_conversation(values) else table
    if len(values) != 1 or not isinstance(values[0], dict):
        return table
    if is_columnar(values[0]):
        way = "`DataFrame.to_json(..., orient='records', lines=True)` writes lines"
        raise Unreadable(f"holds columns in place of rows; {way}")
    try:
        found = entries_in(values[0], columns)
    except Ambiguous as lists:
        raise Unreadable(f"holds several lists of rows ({lists}); save the one to be asked as a file") from None
    return table if found is None else FileTable(_entries(found[0]), "entry", table.digest, tuple(found[1]))


def _object(row: FileRow, unit: str) -> Mapping[str, object]:
    """The object that a row is. Raises Unreadable."""
    found = as_row(row.value)
    if found is None and unit == "entry":
        raise Unreadable(f"is one JSON array whose entry {row.place} is not a JSON object")
    if found is None:
        raise Unreadable(f"is broken: {unit} {row.place} is not a JSON object")
    if cut := cut_cells(row.value):
        raise Unreadable(f"is a page of the dataset viewer, which has cut off {', '.join(cut)} of {unit} {row.place}")
    return found


def _entries(values: list[object]) -> tuple[FileRow, ...]:
    return tuple(FileRow(place, value) for place, value in enumerate(values, start=1))


def _unpacked(data: bytes) -> bytes:
    for magic, (what, step) in _FOREIGN.items():
        if data.startswith(magic):
            raise Unreadable(f"is {what}, which uimon does not read; {step}")
    for magic, unpack in _UNPACK.items():
        if data.startswith(magic):
            try:
                # No more than may be: a megabyte can be packed from gigabytes.
                content = unpack(BytesIO(data)).read(FILE_LIMIT + 1)
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
                raise Unreadable(f"is compressed, and damaged ({error}); compress it again") from None
            if len(content) > FILE_LIMIT:
                raise Unreadable(f"has more than {FILE_LIMIT / 2**20:.0f} MiB once it is unpacked; name a part of it")
            return content
    return data


def _decoded(data: bytes) -> str:
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), None) or _unmarked(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        where = f"byte {error.start + 1} is not {encoding.upper()}"
        raise Unreadable(f"is neither UTF-8 nor UTF-16 text ({where}); save it as UTF-8") from None


def _unmarked(data: bytes) -> str:
    """UTF-16 without its mark shows by the zero bytes beside ASCII characters."""
    if data[1:2] == b"\0":
        return "utf-16-le"
    return "utf-16-be" if data[:1] == b"\0" else "utf-8"


def _lines(text: str) -> Iterator[FileRow]:
    """JSON values one after the other, each by the line at which it begins."""
    # Python writes NaN, which is no JSON, for the empty cells of a pandas table.
    decoder, at, line = json.JSONDecoder(parse_constant=lambda _: None), 0, 1
    while True:
        begin = _next_value(text, at)
        if begin == len(text):
            return
        line += text.count("\n", at, begin)
        try:
            value, end = decoder.raw_decode(text, begin)
        except json.JSONDecodeError as error:
            if at == 0 and text.startswith("[", begin):
                raise Unreadable(f"is one JSON array that is broken at line {error.lineno} ({error.msg})") from None
            raise Unreadable(f"is broken: line {line} is not JSON ({error.msg})") from None
        except RecursionError:
            raise Unreadable(f"is broken: line {line} is JSON that is nested too deeply") from None
        yield FileRow(line, value)
        line, at = line + text.count("\n", begin, end), end


def _next_value(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _separator(path: Path, text: str) -> str:
    """What separates a table's cells; empty where the file is none."""
    head = text.lstrip().partition("\n")[0]
    named = {".csv", ".tsv"} & {suffix.lower() for suffix in path.suffixes}
    if head.startswith(("{", "[")) or (not named and _is_text(head)):
        return ""
    for separator in _SEPARATORS:
        columns = {cell.strip().strip('"') for cell in head.split(separator)}
        if len(columns) > 1 and (named or columns & COLUMNS):
            return separator
    return "," if named else ""


def _is_text(head: str) -> bool:
    """Whether a first line is a text in JSON, which may have commas in it."""
    try:
        return isinstance(json.loads(head), str)
    except ValueError:
        return False


def _separated(text: str, separator: str) -> Iterator[FileRow]:
    # Pages are longer than the 128 KiB that the reader allows a cell.
    before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        for place, row in enumerate(reader, start=1):
            if None in row or None in row.values():
                raise Unreadable(f"has another number of cells in row {place} than in its head")
            # As pandas and the datasets library read it: an empty cell is none.
            yield FileRow(place, {name: cell or None for name, cell in row.items()})
    except csv.Error as error:
        raise Unreadable(f"is broken near line {reader.line_num} ({error})") from None
    finally:
        csv.field_size_limit(before)


def _parquet(data: bytes) -> Iterator[FileRow]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        what = "is parquet, which needs pyarrow; install it with `pip install 'uimon[parquet]'`, or save JSON lines"
        raise Unreadable(what) from None
    try:
        table = pyarrow.parquet.read_table(pyarrow.BufferReader(data))
    except (pyarrow.ArrowException, OSError) as error:
        raise Unreadable(f"is parquet that cannot be read ({str(error).splitlines()[0]})") from None
    if not table.num_rows:
        raise Unreadable("is empty: a parquet file without rows")
    for place, value in enumerate(table.to_pylist(), start=1):
        yield FileRow(place, value)
