"""The stamp of a tokenizer, read here or by `python -m watcher.engine.model_files.tokenizer_stamp … DIRECTORY`.

A vocabulary of 60 MB becomes a gigabyte of objects when it is read, which a process that lives beside a trainer for
days must never hold. So a large one is read in a process of its own, with a limit, and not again for the same bytes,
which all later checkpoints of a training have.
"""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
from dataclasses import asdict
from pathlib import Path

from watcher.checkpoints.layouts.files import TOKENIZER_JSON
from watcher.engine.environment import engine_variables
from watcher.engine.model_files.tokenizer_files import TokenizerStamp, read_stamp, stamped_files, unreadable
from watcher.model import Reason, UimonError
from watcher.system.child import Child
from watcher.system.files import open_regular
from watcher.system.lifeline import child_arguments, join_parent

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
    module, environment = "watcher.engine.model_files.tokenizer_stamp", engine_variables(os.environ)
    child = Child(module, [str(path)], output=subprocess.DEVNULL, environment=environment)
    try:
        said = child.lines.receive_object(_SECONDS)
    except TimeoutError:
        raise unreadable(path / TOKENIZER_JSON, f"that took more than {_SECONDS:.0f} s") from None
    except EOFError:
        raise unreadable(path / TOKENIZER_JSON, f"it needs more than {_MEMORY / 2**30:.0f} GiB of memory") from None
    finally:
        child.end()
    if "sentence" in said:
        raise UimonError(Reason(said["reason"]), said["sentence"])
    return TokenizerStamp(**said)


def main() -> None:
    """Tell the parent the stamp of the tokenizer in the directory that is named, or why it cannot be read."""
    parser = child_arguments()
    parser.add_argument("directory", type=Path)
    options = parser.parse_args()
    parent = join_parent(options)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    try:
        said = asdict(read_stamp(options.directory))
    except UimonError as error:
        said = {"reason": error.reason, "sentence": error.sentence}
    parent.send_object(said)


if __name__ == "__main__":
    main()
