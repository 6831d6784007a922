"""Which uimon this is, among all that may publish into one run: by its state directory, which only one can use."""

from __future__ import annotations

import ctypes
import hashlib
import os
import secrets
import struct
from pathlib import Path

_FILE = "publisher"
_AT_FDCWD = -100
_STATX_BTIME = 0x800
_BIRTH_AT = 80
"""Where `struct statx` (linux/stat.h) has the time of birth."""


def publisher_id(directory: Path) -> str:
    """The id of the uimon whose state directory this is; it tells nothing of the machine or its paths.

    It stays when the ledger is lost. A copy of the directory has another one: it goes by the moment at which the file
    was made, which no copy keeps. A disk that is cloned whole keeps it. Raises `OSError`.
    """
    file = directory / _FILE
    if not file.exists() or not file.stat().st_size:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(secrets.token_hex(16))
    text = f"{file.read_text()} {_born_ns(file)}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _born_ns(file: Path) -> int:
    """When the file was made; where the file system does not say, when it was last changed, which another owner or mode
    changes too: mounting a volume may give it both.
    """
    statx = getattr(ctypes.CDLL(None), "statx", None)
    told = ctypes.create_string_buffer(256)
    if statx is not None and statx(_AT_FDCWD, os.fsencode(file), 0, _STATX_BTIME, told) == 0:
        (mask,) = struct.unpack_from("=I", told)
        if mask & _STATX_BTIME:
            seconds, nanoseconds = struct.unpack_from("=qI", told, _BIRTH_AT)
            return int(seconds) * 10**9 + int(nanoseconds)
    return file.stat().st_ctime_ns
