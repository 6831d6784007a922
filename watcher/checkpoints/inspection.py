"""Looks into one checkpoint directory and says whether it may be evaluated, and if not, why.

Trainers write a checkpoint in place, file after file, and delete old ones the same way, so a directory that exists
says nothing. What Hugging Face's Trainer leaves is complete when all of these hold:

- `config.json` (an adapter's `adapter_config.json`) is a whole JSON object;
- the weights, every shard that the index names, are whole by their own headers (see `safetensors_header`);
- `trainer_state.json`, which is written last, is whole and states the step of the directory's name, and is not
  older than the weights (else the trainer, having gone back, is writing this step again over the old one).

What shows that other writers are done (`confirmed=False`) is in `proof`.

A directory named on its own (`step=None`) needs none of these: exported models have none. Nothing is ever
written, and no pickle (`training_args.bin`, `optimizer.pt`, `*.bin`) is ever opened.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from watcher.base_models import BaseName
from watcher.checkpoints import layout
from watcher.checkpoints.discovery import counts_epochs, step_of
from watcher.checkpoints.proof import Finding, NeedsAnySign, NeedsNone, NeedsTrainerState, Proof
from watcher.checkpoints.safetensors_header import Header, SafetensorsError, read_header
from watcher.checkpoints.trainer_state import parse_trainer_state
from watcher.model import Checkpoint, Condition, FileStamp, Kind, Reason, TrainerState

JSON_LIMIT = 64 * 2**20
"""Longest configuration or index that is read, in bytes; the largest known index is under 10 MB."""
STATE_LIMIT = 512 * 2**20
"""Longest `trainer_state.json` that is read, in bytes: some millions of logged steps."""


@dataclass(frozen=True, slots=True)
class _Listing:
    """One look at the directory: its regular files, its folders' file names, and links that lead out of it."""

    files: dict[str, FileStamp]
    folders: dict[str, frozenset[str]]
    escaping: frozenset[str]


def inspect(
    path: Path,
    step: int | None = None,
    *,
    confirmed: bool = True,
    epochs: bool = False,
    quiet: float = 0.0,
    now: Callable[[], float] = time.time,
) -> Checkpoint:
    """What the checkpoint directory `path` is at this moment. Reads only; never raises for what it finds on disk.

    `step` is the step of a checkpoint below a watched run directory, which must then be confirmed by its
    `trainer_state.json`, unless its naming (`confirmed`, `epochs`, see `Naming`) says otherwise. Without it the
    directory stands alone: its step is the one in its name, else the one in its `trainer_state.json`, else 0.
    `quiet`: for how many seconds nothing in it has changed. `now` gives the time in seconds since the epoch.

    A directory that vanishes, before or while it is read, is `GONE`; one that may not be read is `UNSUPPORTED` with
    the reason `unreadable`.
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100 - see `discover`
    named = step if step is not None else step_of(path.name)
    blank = Checkpoint(name=path.name, path=path, step=named or 0, condition=Condition.COMPLETE)
    try:
        listing = _list(path)
        if step is None:
            proof: Proof = NeedsNone(counts_epochs(path.name))
        elif confirmed:
            proof = NeedsTrainerState(now)
        else:
            proof = NeedsAnySign(quiet, epochs)
        return _judge(blank, listing, proof, named=named)
    except OSError as error:
        return _from_os_error(blank, error)


def _from_os_error(blank: Checkpoint, error: OSError) -> Checkpoint:
    missing = isinstance(error, FileNotFoundError | NotADirectoryError)
    # An NFS client calls a file stale once another machine has deleted it.
    if error.errno == errno.ESTALE or (missing and not os.path.isdir(blank.path)):  # noqa: PTH112 - never raises
        there = "is not a directory" if os.path.exists(blank.path) else "is not there (any more)"  # noqa: PTH110
        return replace(blank, condition=Condition.GONE, reason=Reason.DELETED, detail=f"{blank.path} {there}.")
    where = error.filename or blank.path
    if missing:
        detail = f"{where} vanished while {blank.name} was being read."
        return replace(blank, condition=Condition.PARTIAL, reason=Reason.WEIGHTS_MISSING, detail=detail)
    detail = f"{where} cannot be read ({error.strerror}): let the user that runs uimon read it."
    return replace(blank, condition=Condition.UNSUPPORTED, reason=Reason.UNREADABLE, detail=detail)


def _judge(blank: Checkpoint, listing: _Listing, proof: Proof, *, named: int | None) -> Checkpoint:
    """The checkpoint with all that could be learned about it, whatever its condition."""
    found = replace(blank, kind=layout.kind_of(listing.files), files=_engine_files(listing))
    try:
        found = replace(found, trainer=_trainer_state(found.path, listing))
        if found.trainer is not None and (named is None or proof.takes_the_states_step):
            found = replace(found, step=found.trainer.global_step)
    except ValueError as error:
        state_error: str | None = f"{layout.TRAINER_STATE} in {blank.name} is not whole yet ({error})."
    else:
        state_error = None
    try:
        if not _has_weights(listing):
            _refuse_unsupported(found, listing, settled=found.trainer is not None or proof.is_settled(listing.files))
        base = _check_config(found, listing)
        found = replace(found, files=_check_weights(found, listing), base=base)
        _refuse_broken_state(state_error)
        proof.check(found, listing.files)
    except Finding as finding:
        return replace(
            found, condition=finding.condition, reason=finding.reason, detail=finding.detail, early=finding.early
        )
    return found


def _list(path: Path) -> _Listing:
    files: dict[str, FileStamp] = {}
    folders: dict[str, frozenset[str]] = {}
    escaping: set[str] = set()
    homes = _homes(path)
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                names = _names_in(path / entry.name)
                folders[entry.name] = names
                if entry.name == layout.TEMPLATES:
                    inner = (f"{entry.name}/{name}" for name in names)
                    files.update((name, s) for name in inner if (s := _stamp(path, name, homes)))
            elif stamp := _stamp(path, entry.name, homes):
                files[entry.name] = stamp
            elif entry.is_symlink():
                escaping.add(entry.name)
    return _Listing(files, folders, frozenset(escaping))


def _homes(path: Path) -> tuple[Path, ...]:
    """Where a file of this checkpoint may really lie: the directory itself, or the blobs of its hub cache."""
    real = path.resolve()
    return (real, real.parent.parent / "blobs") if real.parent.name == "snapshots" else (real,)


def _names_in(folder: Path) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))  # noqa: PTH208 - names are all that is wanted
    except OSError:
        return frozenset()  # a folder that vanishes or is closed is none of the engine's files


def _stamp(path: Path, name: str, homes: tuple[Path, ...]) -> FileStamp | None:
    """The file as it is now; None where it is gone, is no regular file, or is a link that leads elsewhere."""
    file = path / name
    try:
        status = file.stat()
    except (FileNotFoundError, RuntimeError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    if file.is_symlink() and not any(file.resolve().is_relative_to(home) for home in homes):
        return None
    return FileStamp(name, status.st_size, status.st_mtime_ns, status.st_ino)


def _engine_files(listing: _Listing) -> tuple[FileStamp, ...]:
    """The files an engine may need, as far as they are there: what makes the stamp of an unfinished checkpoint."""
    wanted = (name for name in listing.files if name.endswith(".safetensors") or name == layout.INDEX)
    names = {*wanted, *filter(layout.is_support, listing.files)}
    return tuple(listing.files[name] for name in sorted(names))


def _has_weights(listing: _Listing) -> bool:
    """True where at least a part of loadable weights is there, so that they are what the checkpoint is about."""
    names = listing.files
    return any(n in names for n in (layout.WEIGHTS, layout.INDEX, layout.ADAPTER_WEIGHTS)) or bool(_shards(listing))


def _shards(listing: _Listing) -> list[str]:
    return [name for name in listing.files if fnmatchcase(name, layout.SHARDS)]


def _refuse_unsupported(found: Checkpoint, listing: _Listing, *, settled: bool) -> None:
    """`settled` tells that the trainer has finished: before that, loadable weights may still be coming."""
    unsupported = layout.find_unsupported(found.path, listing.files, listing.folders)
    if unsupported and settled:
        raise Finding(Condition.UNSUPPORTED, unsupported.reason, unsupported.detail)
    wanted = layout.ADAPTER_WEIGHTS if found.kind is Kind.ADAPTER else f"{layout.WEIGHTS} or {layout.INDEX}"
    _refuse_escaping(found, listing)
    raise Finding(Condition.PARTIAL, Reason.WEIGHTS_MISSING, f"{found.name} has no weights: no {wanted} in it.")


def _refuse_escaping(found: Checkpoint, listing: _Listing) -> None:
    """A link to elsewhere would let a checkpoint have any file of this machine copied and read as its own."""
    for name in sorted(listing.escaping):
        if name.endswith(".safetensors") or name == layout.INDEX or layout.is_support(name):
            detail = f"{name} in {found.name} is a link that leads out of it: put the file itself there."
            raise Finding(Condition.UNSUPPORTED, Reason.UNREADABLE, detail)


def _check_config(found: Checkpoint, listing: _Listing) -> str | None:
    """The base model that an adapter names, with its revision; None for full weights, or where it names none."""
    _refuse_escaping(found, listing)
    name = layout.ADAPTER_CONFIG if found.kind is Kind.ADAPTER else layout.CONFIG
    if name not in listing.files:
        raise Finding(Condition.PARTIAL, Reason.CONFIG_MISSING, f"{found.name} has no {name}.")
    try:
        config = _read_object(found.path / name)
    except ValueError as error:
        detail = f"{name} in {found.name} is not whole ({error})."
        raise Finding(Condition.PARTIAL, Reason.CONFIG_MISSING, detail) from None
    return BaseName.of_adapter(config) if found.kind is Kind.ADAPTER else None


def _check_weights(found: Checkpoint, listing: _Listing) -> tuple[FileStamp, ...]:
    """All the files an engine needs, the weights proven whole. Other weights in the directory are left out of them,
    because an engine that reads every `*.safetensors` would mix them in."""
    support = [stamp for name, stamp in listing.files.items() if layout.is_support(name)]
    if found.kind is Kind.ADAPTER:
        weights = [layout.ADAPTER_WEIGHTS]
    elif layout.WEIGHTS in listing.files:
        weights = [layout.WEIGHTS]  # as transformers has it: the single file goes before an index
    else:
        weights = _indexed(found, listing)
        support.append(listing.files[layout.INDEX])
    for name in weights:
        if name not in listing.files:
            raise _incomplete(f"{found.name} has no {name}.")
        if not _header(found, name).tensors:
            raise _incomplete(f"{name} in {found.name} holds no tensors.")
    stamps = [*support, *(listing.files[name] for name in weights)]
    return tuple(sorted(stamps, key=lambda stamp: stamp.name))


def _incomplete(detail: str) -> Finding:
    return Finding(Condition.PARTIAL, Reason.WEIGHTS_INCOMPLETE, detail)


def _header(found: Checkpoint, name: str) -> Header:
    try:
        return read_header(found.path / name)
    except SafetensorsError as error:
        raise _incomplete(f"{name} in {found.name} {error}.") from None


def _indexed(found: Checkpoint, listing: _Listing) -> list[str]:
    """The shards that the index names, each of which holds the tensors that the index looks for in it."""
    if layout.INDEX not in listing.files:
        raise _incomplete(f"{found.name} has {len(_shards(listing))} shards and no {layout.INDEX} yet.")
    try:
        shards = _weight_map(_read_object(found.path / layout.INDEX))
    except ValueError as error:
        raise _incomplete(f"{layout.INDEX} in {found.name} is not whole ({error}).") from None
    for shard in shards:
        # Only a plain name is looked up, so that `../other/model.safetensors` reads nothing.
        if Path(shard).name != shard or shard in ("", ".", ".."):
            detail = f"{layout.INDEX} in {found.name} names {shard!r}, which is not a file name of that directory."
            raise Finding(Condition.UNSUPPORTED, Reason.UNREADABLE, detail)
    missing = [shard for shard in shards if shard not in listing.files]
    if missing:
        raise _incomplete(f"{found.name} lacks {len(missing)} of {len(shards)} shards, {missing[0]} the first.")
    for shard, tensors in shards.items():
        if absent := tensors - _header(found, shard).tensors.keys():
            # A shard that is whole but of an earlier save, cut otherwise.
            raise _incomplete(f"{shard} in {found.name} lacks the tensor {min(absent)!r} that the index puts there.")
    return sorted(shards)


def _weight_map(index: dict[str, Any]) -> dict[str, set[str]]:
    """The names of the tensors in each shard. Raises ValueError for an index without a usable `weight_map`."""
    entries = index.get("weight_map")
    if not isinstance(entries, dict) or not entries or not all(isinstance(v, str) for v in entries.values()):
        raise ValueError("no weight_map")
    shards: dict[str, set[str]] = {}
    for tensor, shard in entries.items():
        shards.setdefault(shard, set()).add(tensor)
    return shards


def _trainer_state(path: Path, listing: _Listing) -> TrainerState | None:
    """None where there is none. Raises ValueError where it is not whole."""
    if layout.TRAINER_STATE not in listing.files:
        return None
    return parse_trainer_state(_read_bounded(path / layout.TRAINER_STATE, STATE_LIMIT))


def _refuse_broken_state(error: str | None) -> None:
    if error:
        raise Finding(Condition.PARTIAL, Reason.TRAINER_STATE_MISSING, error)


def _read_object(path: Path) -> dict[str, Any]:
    """A JSON file's object. Raises ValueError where it is none."""
    try:
        parsed = json.loads(_read_bounded(path, JSON_LIMIT))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(parsed, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - a malformed file, not a programmer's wrong type
    return parsed


def _read_bounded(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        text = file.read(limit + 1)
    if len(text) > limit:
        raise ValueError(f"longer than {limit:,} bytes")
    return text
