"""JSON lines on disk: one record a line, whole or not there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def append_records(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Append `records` in one write, and return when they are on disk.

    A line that a crash left torn is ended first, so that it costs itself only and not the record behind it.
    NaN and infinities are refused (`ValueError`), since JSON has no word for them. Raises `OSError`, as for a
    full disk; then nothing was appended, or a torn end that readers pass over.
    """
    lines = "".join(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in records)
    if not lines:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        # Models write lone surrogates now and then; so escaped they are JSON's own way to write them.
        _write_all(descriptor, (("\n" if _is_torn(descriptor) else "") + lines).encode(errors="backslashreplace"))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_records(path: Path) -> list[dict[str, Any]]:
    """All whole records of the file, in order; a line that is no JSON object is passed over. Empty if no file."""
    if not path.exists():
        return []
    records = []
    with path.open("rb") as lines:
        for line in lines:
            record = _parse(line)
            if record is not None:
                records.append(record)
    return records


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _is_torn(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"


def _write_all(descriptor: int, data: bytes) -> None:
    """`os.write` may write less than it was given when the disk fills up; then it is asked for the rest."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
