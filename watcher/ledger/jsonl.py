"""JSON lines on disk: one record a line, whole or not there. The last key of each line, `crc`, is the CRC-32 of what is
before it, so that a line that has changed since is told from a whole one.

A line holds what models wrote, exactly, and may yet be shown by `cat`: see `inert_json`.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from watcher.model import JsonObject
from watcher.output.printable import inert_json

_CRC: Final = re.compile(rb', "crc": "([0-9a-f]{8})"\}\s*\Z')


def append_records(path: Path, records: Iterable[Mapping[str, object]]) -> None:
    """Append `records` in one write, and return when they are on disk.

    A line that a crash left torn is ended first, so that it costs itself only and not the record behind it.
    NaN and infinities are refused (`ValueError`), since JSON has no word for them. Raises `OSError`, as for a
    full disk; then nothing was appended, or a torn end that readers pass over.
    """
    lines = b"".join(_line(record) for record in records)
    if not lines:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        _write_all(descriptor, (b"\n" if _is_torn(descriptor) else b"") + lines)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_records(path: Path, offset: int = 0) -> Iterator[JsonObject | None]:
    """The records of the file from the byte `offset` on, in order, each without its `crc`; None for a line that is no
    whole record. Nothing where there is no file.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        file.seek(offset)
        for line in file:
            if line.strip():
                yield parse_record(line)


def parse_record(line: bytes) -> JsonObject | None:
    """The record of one line, without its `crc`; None where it is no whole one. A line without a `crc`, as earlier
    versions wrote it, is whole where it is a JSON object.
    """
    sealed = _CRC.search(line)
    if sealed is not None and int(sealed[1], 16) != zlib.crc32(line[: sealed.start()]):
        return None
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or ("crc" in record and sealed is None):
        return None
    return {name: value for name, value in record.items() if name != "crc"}


def _line(record: Mapping[str, object]) -> bytes:
    body = inert_json(json.dumps(record, ensure_ascii=False, allow_nan=False)).encode()[:-1]
    return body + b', "crc": "%08x"}\n' % zlib.crc32(body)


def _is_torn(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"


def _write_all(descriptor: int, data: bytes) -> None:
    """`os.write` may write less than it was given when the disk fills up; then it is asked for the rest."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
