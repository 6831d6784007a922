"""Which uimon this is, among all that may publish into one run: by its state directory, which only one can use."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

_FILE = "publisher"


def publisher_id(directory: Path) -> str:
    """The id of the uimon whose state directory this is; it tells nothing of the machine or its paths.

    It stays when the ledger is lost. A copy of the directory has another one: it goes by the moment of the file's last
    change (`st_ctime`), which no copy keeps. A disk that is cloned whole keeps it. Raises `OSError`.
    """
    file = directory / _FILE
    if not file.exists() or not file.stat().st_size:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(secrets.token_hex(16))
    text = f"{file.read_text()} {file.stat().st_ctime_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]
