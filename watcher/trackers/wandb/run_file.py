"""The project of a run on this machine, out of the file in which W&B's SDK keeps what it sends (`run-ID.wandb`).

The file is a LevelDB log (https://github.com/google/leveldb/blob/main/doc/log_format.md: blocks of 32 KiB, records cut
into chunks with a header of checksum, length and kind) behind a header of seven bytes, and each record is a message of
W&B's protocol (`Record` in wandb/proto/wandb_internal.proto), of which field 17 is the run, and 2 and 3 in there are
its entity and project. The SDK writes whole blocks, so a run that has logged little shows nothing before its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from watcher.system.files import open_regular

_IDENT = b":W&B"
_FILE_HEADER = 7
_BLOCK = 1 << 15
_CHUNK_HEADER = 7
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
# The run is among the first records; what is after this is history.
_READ = 1 << 20
_RUN, _ENTITY, _PROJECT = 17, 2, 3
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def run_of(file: Path) -> tuple[str | None, str | None]:
    """The entity and project that a run's file names; None for each that it does not, or where it cannot be read."""
    try:
        with open_regular(file) as stream:
            data = stream.read(_READ)
        for record in _records(data):
            if (run := dict(_fields(record)).get(_RUN)) is not None:
                fields = dict(_fields(run))
                return _text(fields.get(_ENTITY)), _text(fields.get(_PROJECT))
    except (OSError, ValueError):
        return None, None
    return None, None


def _records(data: bytes) -> Iterator[bytes]:
    """The records, as far as they are whole."""
    if not data.startswith(_IDENT):
        return
    place, parts = _FILE_HEADER, b""
    while place + _CHUNK_HEADER <= len(data):
        left = _BLOCK - place % _BLOCK
        if left < _CHUNK_HEADER:
            place += left
            continue
        size, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        start = place + _CHUNK_HEADER
        chunk, place = data[start : start + size], start + size
        if len(chunk) < size or kind not in (_WHOLE, _FIRST, _MIDDLE, _LAST):
            return
        parts = chunk if kind in (_WHOLE, _FIRST) else parts + chunk
        if kind in (_WHOLE, _LAST):
            yield parts


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a message that hold bytes. Raises ValueError where it is none."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, kind = key >> 3, key & 7
        if kind == _BYTES:
            size, place = _varint(message, place)
            if place + size > len(message):
                raise ValueError("cut off")
            yield number, message[place : place + size]
            place += size
        elif kind == _VARINT:
            _, place = _varint(message, place)
        elif kind in (_FIXED64, _FIXED32):
            place += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError("no such kind of field")


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        if place >= len(message):
            break
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
    raise ValueError("no number")


def _text(value: bytes | None) -> str | None:
    return value.decode("utf-8", "replace") or None if value else None
