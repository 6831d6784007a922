"""What engines must remember across restarts: proofs of the way in which weights are changed, and the way of adapters.

One JSON file, replaced as a whole, that a person can read as well. Standard library and pydantic only.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from watcher.checkpoints.base_models import snapshot_of
from watcher.checkpoints.layouts.files import weights_in
from watcher.engine.protocol import Compared
from watcher.engine.types import Setup
from watcher.model import Reason, UimonError

# Goes up when the way in which weights are changed in place changes: earlier proofs are then proofs of nothing.
_SWAP_VERSION = 1
AdapterMode = Literal["lora", "merged"]


@dataclass(frozen=True, slots=True)
class Parity:
    """The comparison of weights changed in place with the same weights in a fresh engine, by the probe.

    `apart` is their largest difference, `moved` the largest difference between the former weights and the fresh
    ones, `tolerance` what `apart` may be, all in nats. `before` and `after` are the digests of the two checkpoints,
    `at` is the time (ISO 8601).
    """

    setup: Setup
    equal: bool
    apart: float
    moved: float
    tolerance: float
    before: str
    after: str
    at: str
    swap_version: int = _SWAP_VERSION


@dataclass(frozen=True, slots=True)
class ServedTensors:
    """The last comparison, with this setup, of what an engine served of a model or of an adapter with the files: the
    number of `parameters` of which every row lies in the files, the tensors of the files that the engine does not use,
    in a clause why nothing could be compared, and the kinds of parameters that were not because this engine keeps them
    in `other_forms`.
    """

    setup: Setup
    adapter: bool
    parameters: int
    unused: tuple[str, ...] = ()
    why_not: str = ""
    other_forms: tuple[str, ...] = ()

    @classmethod
    def of(cls, setup: Setup, compared: Compared, *, adapter: bool) -> ServedTensors:
        """The record of a comparison that found nothing strange."""
        return cls(setup, adapter, compared.parameters, compared.unused, compared.why_not, compared.other_forms)


@dataclass(frozen=True, slots=True)
class Base:
    """The base of a run's adapters: `digest` is over all bytes of its weight files (SHA-256, hex), `stamp` over their
    paths, sizes, times and inodes, which spare the reading where they are as they were. `origin` names it to people:
    its directory, or name and commit of a snapshot in the Hugging Face cache.
    """

    digest: str
    stamp: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class _Content:
    parity: tuple[Parity, ...] = ()
    adapters: AdapterMode | None = None
    base: Base | None = None
    served: tuple[ServedTensors, ...] = ()


_CONTENT = TypeAdapter(_Content)


class Evidence:
    """The file and its content. Raises `UimonError` (`state_dir_unusable`) where it cannot be read."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._content = _read(file)

    def parity(self, setup: Setup) -> Parity | None:
        """The comparison that was made with this setup, if one was."""
        known = (p for p in self._content.parity if p.setup == setup and p.swap_version == _SWAP_VERSION)
        return next(known, None)

    def keep(self, parity: Parity) -> None:
        """Remember a comparison in place of an earlier one with the same setup."""
        others = tuple(p for p in self._content.parity if p.setup != parity.setup)
        self._write(replace(self._content, parity=(*others, parity)))

    def note(self, served: ServedTensors) -> None:
        """Remember what was compared in place of an earlier comparison with the same setup."""
        if served not in self._content.served:
            same = (served.setup, served.adapter)
            others = tuple(known for known in self._content.served if (known.setup, known.adapter) != same)
            self._write(replace(self._content, served=(*others, served)))

    @property
    def served(self) -> tuple[ServedTensors, ...]:
        """What was compared, by setup."""
        return self._content.served

    @property
    def adapters(self) -> AdapterMode | None:
        """How this run's adapters are served; None before the first."""
        return self._content.adapters

    def settle(self, way: AdapterMode) -> None:
        """Serve all adapters of this run in this way."""
        if way != self._content.adapters:
            self._write(replace(self._content, adapters=way))

    def require_base(self, path: Path) -> None:
        """Hold on to the base that this run's first adapter had; `path` is the directory of the next one's.

        Raises `UimonError` (`weights_changed`) where its bytes are others.
        """
        known, stamp = self._content.base, _stamp(path)
        if known is not None and known.stamp == stamp:
            return
        digest = _digest(path)
        if known is not None and known.digest != digest:
            earlier = f" ({known.origin})" if known.origin else ""
            raise UimonError(
                Reason.WEIGHTS_CHANGED,
                f"{snapshot_of(path)}: this is not the base model that the run's earlier adapters were evaluated "
                f"over{earlier}; name the earlier one with --base, or start over with another --state-dir.",
            )
        self._write(replace(self._content, base=Base(digest, stamp, snapshot_of(path))))

    def _write(self, content: _Content) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(".new")
        with draft.open("wb") as stream:
            stream.write(_CONTENT.dump_json(content, indent=1))
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(self._file)
        self._content = content


def _stamp(path: Path) -> str:
    stats = ((file, file.stat()) for file in weights_in(path))
    text = "\n".join(f"{file}\t{s.st_size}\t{s.st_mtime_ns}\t{s.st_ino}" for file, s in stats)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _digest(path: Path) -> str:
    """Over each file's own digest, in the order of their names."""
    whole = hashlib.sha256()
    for file in weights_in(path):
        with file.open("rb") as stream:
            whole.update(hashlib.file_digest(stream, "sha256").digest())
    return whole.hexdigest()


def _read(file: Path) -> _Content:
    try:
        return _CONTENT.validate_json(file.read_bytes())
    except FileNotFoundError:
        return _Content()
    except (OSError, ValidationError) as error:
        # Starting over could serve a run's later adapters in another way than its earlier ones.
        raise UimonError(
            Reason.STATE_DIR_UNUSABLE,
            f"{file} cannot be read ({type(error).__name__}); restore it, or give the run a new --state-dir.",
        ) from error
