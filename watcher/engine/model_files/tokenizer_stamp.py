"""The stamp of a tokenizer: `python -m watcher.engine.model_files.tokenizer_stamp DIRECTORY` prints it as JSON.

A vocabulary of 60 MB becomes a gigabyte of objects when it is read, which a process that lives beside a trainer for
days must never hold. So a large one is read in a process of its own, with a limit, and not again for the same bytes,
which all later checkpoints of a training have.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from watcher.checkpoints.layouts.files import TOKENIZER_JSON
from watcher.engine.environment import engine_variables
from watcher.engine.model_files.tokenizer_files import TokenizerStamp, read_stamp, stamped_files, unreadable
from watcher.model import Reason, UimonError
from watcher.system.files import open_regular

_SMALL = 2**20
"""Bytes of a tokenizer.json up to which it is read here: at most some 40 MB of objects."""
_MEMORY = 4 * 2**30
_SECONDS = 300.0
_KEPT = 8
_CHUNK = 2**20


class StampReader:
    """Reads stamps, and keeps the last few by the bytes that they were read from."""

    def __init__(self) -> None:
        self._known: dict[str, TokenizerStamp] = {}

    def read(self, path: Path) -> TokenizerStamp:
        """As `read_stamp`, without its memory. Raises `UimonError` (`unreadable`)."""
        file = path / TOKENIZER_JSON
        if not file.is_file() or file.stat().st_size <= _SMALL:
            return read_stamp(path)
        content = _content(path)
        if content not in self._known:
            stamp = _from_process(path)
            self._known = {**dict(list(self._known.items())[1 - _KEPT :]), content: stamp}
        return self._known[content]


def _content(path: Path) -> str:
    """The digest of all the files that a stamp is made of."""
    digest = hashlib.sha256()
    for file in stamped_files(path):
        try:
            with open_regular(file) as data:
                digest.update(f"{file.relative_to(path)}\0{os.fstat(data.fileno()).st_size}\0".encode())
                while chunk := data.read(_CHUNK):
                    digest.update(chunk)
        except OSError as error:
            raise unreadable(file, error.strerror) from None
    return digest.hexdigest()


def _from_process(path: Path) -> TokenizerStamp:
    command = [sys.executable, "-P", "-m", "watcher.engine.model_files.tokenizer_stamp", str(path)]
    try:
        done = subprocess.run(
            command,
            env=engine_variables(os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise unreadable(path / TOKENIZER_JSON, f"that took more than {_SECONDS:.0f} s") from None
    if done.returncode != 0:
        raise unreadable(path / TOKENIZER_JSON, f"it needs more than {_MEMORY / 2**30:.0f} GiB of memory")
    said = json.loads(done.stdout)
    if "sentence" in said:
        raise UimonError(Reason(said["reason"]), said["sentence"])
    return TokenizerStamp(**said)


def main() -> None:
    """Print the stamp of the tokenizer in the directory that is named, or why it cannot be read."""
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    directory = parser.parse_args().directory
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    try:
        said = asdict(read_stamp(directory))
    except UimonError as error:
        said = {"reason": error.reason, "sentence": error.sentence}
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
