"""The one way into a file that somebody else has written: only a regular one, only as much of it as is expected.

A named pipe waits for a writer for ever, a device may never end, and a file of a few megabytes can become gigabytes of
objects when it is parsed. What is refused here is an `OSError` with a sentence's clause as its `strerror`, so whoever
says what cannot be read says this, too; JSON that is refused is a `ValueError`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from watcher.model import Reason, UimonError

SMALL_LIMIT = 4 * 2**20
"""Longest configuration, template or list of tokens, in bytes; the longest known ones, of quantized models, have some
hundred thousand."""
INDEX_LIMIT = 32 * 2**20
"""Longest index of weights, in bytes; that of a model of a trillion parameters has 14 million."""
VALUES_LIMIT = 1_000_000
"""Most values in one JSON text. Each takes some hundred bytes, whatever it takes in the file."""


def open_regular(path: Path) -> BinaryIO:
    """The regular file `path`, opened to be read. Raises OSError where it is none or cannot be opened."""
    # Without O_NONBLOCK, opening a named pipe would wait for ever for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "it is not a regular file", str(path))


def read_bytes(path: Path, limit: int = SMALL_LIMIT) -> bytes:
    """The whole of the regular file `path`. Raises OSError, also where it has more than `limit` bytes."""
    with open_regular(path) as file:
        # Some file systems state no size, so that is not asked.
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit / 2**20:.0f} MiB", str(path))
    return data


def read_tail(path: Path, size: int) -> bytes:
    """The last `size` bytes of the regular file `path`. Raises OSError."""
    with open_regular(path) as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - size))
        return file.read(size)


def read_text(path: Path, limit: int = SMALL_LIMIT, *, errors: str = "strict") -> str:
    """The text of a file in UTF-8. Raises OSError as `read_bytes` does, and UnicodeDecodeError."""
    return read_bytes(path, limit).decode("utf-8", errors)


def read_object(path: Path, limit: int = SMALL_LIMIT, values: int = VALUES_LIMIT) -> dict[str, object]:
    """The JSON object in a file. Raises OSError as `read_bytes` does, and ValueError as `parse_json` does or where the
    file holds something else.
    """
    found = parse_json(read_bytes(path, limit), values)
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - a malformed file, not a programmer's wrong type
    return found


def parse_json(
    text: bytes,
    values: int = VALUES_LIMIT,
    pairs: Callable[[list[tuple[str, object]]], object] | None = None,
) -> object:
    """The value of a JSON text of at most some `values`; `pairs` makes objects of their members.

    Raises ValueError where it is no JSON, or has more values, deeper nesting or longer numbers than are reasonable.
    """
    if sum(text.count(mark) for mark in (b",", b"[", b"{")) > values:
        raise ValueError(f"it has more than {values:,} values")
    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=pairs)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def require_regular(directory: Path) -> None:
    """Raises UimonError (`unreadable`) naming what in `directory` is neither a regular file nor a directory: a library
    that opens a named pipe or a device there would never come back.
    """
    for entry in sorted(directory.iterdir()):
        with contextlib.suppress(OSError):  # a link that leads nowhere
            mode = entry.stat().st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                sentence = f"{entry}: it is neither a file nor a directory, and no model needs that; remove it."
                raise UimonError(Reason.UNREADABLE, sentence)


def whole(value: object, most: int) -> int | None:
    """A number of a file, where it is a whole one from 0 to `most`; else None.

    >>> [whole(value, 2**63 - 1) for value in (7, 7.0, -1, 2**63, True, "7", None)]
    [7, None, None, None, None, None, None]
    """
    return value if type(value) is int and 0 <= value <= most else None
