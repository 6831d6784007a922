"""Looks into one checkpoint directory and says whether it may be evaluated, and if not, why.

Trainers write a checkpoint in place, file after file, and delete old ones the same way, so a directory that exists
says nothing. What Hugging Face's Trainer leaves is complete when all of these hold:

- `config.json` (an adapter's `adapter_config.json`) is a whole JSON object;
- the weights, every shard that the index names, are whole by their own headers (see `safetensors_header`);
- `trainer_state.json`, which is written last, is whole and states the step of the directory's name, and is not
  older than the weights (else the trainer, having gone back, is writing this step again over the old one).

What shows that other writers are done is in `layouts`, as is when one that cannot be used as it stands will not become
complete any more.

The model may lie one directory deeper, as an adapter with a name of its own does. It is taken where it is the only
one there and the checkpoint's own directory has none; of several the user names one (`Layout.folder`).

A directory that somebody has named needs no `trainer_state.json`: exported models have none. Nothing is ever
written, and no pickle (`training_args.bin`, `optimizer.pt`, `*.bin`) is ever opened.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from watcher.checkpoints import unsupported
from watcher.checkpoints.base_models import BaseName
from watcher.checkpoints.deeper import models_below
from watcher.checkpoints.discovery import StepMetadata
from watcher.checkpoints.layouts import files, step_of
from watcher.checkpoints.layouts.completeness import INTERRUPTED, CommitCheck, NotComplete
from watcher.checkpoints.layouts.trainer_state import read_trainer_state
from watcher.checkpoints.listing import Listing, read_listing, with_model_of
from watcher.checkpoints.pointers import pointer_in
from watcher.checkpoints.safetensors_header import SafetensorsError, TensorInfo, read_header
from watcher.checkpoints.weight_index import StrayShardError, first_misplaced, read_index
from watcher.model import Checkpoint, CheckpointKind, Condition, FileStamp, Reason, TrainerState
from watcher.system.files import open_regular, read_object


def inspect(found: StepMetadata, quiet: float = 0.0) -> Checkpoint:
    """What a checkpoint directory is at this moment. Reads only; never raises for what it finds on disk.

    Its layout says what shows that its writer is done with it, and where in it the model lies. Its step is the one that
    its name states, else the one in its `trainer_state.json`, else 0. `quiet`: for how many seconds nothing in it has
    changed. Sentences call it by the directory's name.

    A directory that vanishes, before or while it is read, is `GONE`; one that may not be read is `UNSUPPORTED` with
    the reason `unreadable`.
    """
    path = found.path
    blank = Checkpoint(name=path.name, path=path, step=found.step or 0, condition=Condition.COMPLETE)
    try:
        listing = _of_model(path, read_listing(path), found.layout.folder)
        seen = _judge(blank, listing, found, quiet)
    except OSError as error:
        seen = _from_os_error(blank, error)
    return replace(seen, name=found.name)


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


def _of_model(path: Path, listing: Listing, named: str) -> Listing:
    """The files of the checkpoint's model, wherever it lies; as it is where that is not known. `named`: the folder that
    the user names.
    """
    if named in listing.folders:
        return with_model_of(path, listing, named)
    folders = _models_in(listing)
    # Beside weights of the checkpoint's own, whatever they are, a folder holds something else: a reference model.
    if files.holds_weights(listing.files) or files.pickles(listing.files) or len(folders) != 1:
        return listing
    return with_model_of(path, listing, folders[0])


def _models_in(listing: Listing) -> list[str]:
    """The folders that hold a model of this checkpoint; a run's directory holds other checkpoints."""
    return [folder for folder in files.folders_with_weights(listing.folders) if step_of(folder) is None]


def _judge(blank: Checkpoint, listing: Listing, candidate: StepMetadata, quiet: float) -> Checkpoint:
    """The checkpoint with all that could be learned about it, whatever its condition."""
    layout = candidate.layout
    found = replace(blank, kind=files.kind_of(listing.files), files=_engine_files(listing))
    try:
        found = replace(found, trainer=_trainer_state(found.path, listing))
        if found.trainer is not None and (candidate.step is None or layout.step_in_state):
            found = replace(found, step=found.trainer.global_step)
    except ValueError as error:
        state_error: str | None = f"{files.TRAINER_STATE} in {blank.name} is not whole yet ({error})."
    else:
        state_error = None
    settled = found.trainer is not None or layout.commit.is_settled(listing.files, quiet)
    try:
        if not files.holds_weights(listing.files):
            _refuse_unsupported(found, listing, settled=settled)
        base = _check_config(found, listing)
        found = replace(found, files=_check_weights(found, listing, settled=settled), base=base)
        _refuse_broken_state(state_error)
        layout.commit.check(found, listing.files, quiet)
    except NotComplete as finding:
        return _with(found, finding, layout.commit, quiet)
    return found


def _with(found: Checkpoint, finding: NotComplete, commit: CommitCheck, quiet: float) -> Checkpoint:
    """What was found; a partial checkpoint that nobody completes any more cannot be evaluated as it stands."""
    said = replace(found, condition=finding.condition, reason=finding.reason, detail=finding.detail)
    if finding.condition is not Condition.PARTIAL:
        return said
    if finding.way_out and commit.is_over(found, quiet):
        return replace(said, condition=Condition.UNSUPPORTED, detail=finding.for_good)
    return replace(said, early=finding.early, settling=commit.is_settling(found))


def _engine_files(listing: Listing) -> tuple[FileStamp, ...]:
    """The files an engine may need, as far as they are there: what makes the stamp of an unfinished checkpoint."""
    wanted = (name for name in listing.files if files.is_weights(name) or name == files.INDEX)
    names = {*wanted, *filter(files.is_support, listing.files)}
    return tuple(listing.files[name] for name in sorted(names))


def _shards(listing: Listing) -> list[str]:
    return [name for name in listing.files if fnmatchcase(name, files.SHARDS)]


def _refuse_unsupported(found: Checkpoint, listing: Listing, *, settled: bool) -> None:
    """`settled` tells that the trainer has finished: before that, loadable weights may still be coming."""
    _refuse_several(found, listing)
    known = unsupported.find_unsupported(found.path, listing.files, listing.folders)
    if known is None and settled and not models_below(found.path):
        known = unsupported.find_verl(found.path, listing.folders)
    if known and settled:
        raise NotComplete(Condition.UNSUPPORTED, known.reason, known.detail)
    wanted = files.ADAPTER_WEIGHTS if found.kind is CheckpointKind.ADAPTER else f"{files.WEIGHTS} or {files.INDEX}"
    _refuse_escaping(found, listing)
    way_out = "let the trainer save it again with its weights, or copy them there"
    if settled and (deeper := models_below(found.path)):
        way_out = f"there is a model in {deeper[0]}, which `uimon eval {found.path / deeper[0]}` evaluates"
    if not listing.files and not listing.folders:
        detail, way_out = f"{found.name} is empty.", "delete it, or copy the checkpoint there"
        raise NotComplete(Condition.PARTIAL, Reason.WEIGHTS_MISSING, detail, way_out=way_out)
    detail = f"{found.name} has no weights: no {wanted} in it."
    raise NotComplete(Condition.PARTIAL, Reason.WEIGHTS_MISSING, detail, way_out=way_out)


def _refuse_several(found: Checkpoint, listing: Listing) -> None:
    """Which of several models was trained cannot be told: a reference model may lie beside the policy."""
    folders = _models_in(listing)
    if len(folders) > 1:
        pattern = found.name.replace(str(found.step), "{step}")
        way_out = f"name the one to evaluate, as in --pattern '{pattern}/{folders[0]}'"
        named = ", ".join(folders)
        detail = f"{found.name} holds {len(folders)} models, none of them in the directory itself: {named}."
        raise NotComplete(Condition.PARTIAL, Reason.WEIGHTS_MISSING, detail, way_out=way_out)


def _refuse_escaping(found: Checkpoint, listing: Listing) -> None:
    """A link to elsewhere would let a checkpoint have any file of this machine copied and read as its own."""
    for name in sorted(listing.escaping):
        last = Path(name).name
        if files.is_weights(last) or last == files.INDEX or files.is_support(last):
            detail = f"{name} in {found.name} is a link that leads out of it: put the file itself there."
            raise NotComplete(Condition.UNSUPPORTED, Reason.UNREADABLE, detail)


def _check_config(found: Checkpoint, listing: Listing) -> str | None:
    """The base model that an adapter names, with its revision; None for full weights, or where it names none."""
    _refuse_escaping(found, listing)
    adapter = found.kind is CheckpointKind.ADAPTER
    name = files.ADAPTER_CONFIG if adapter else files.CONFIG
    way_out = f"put the {name} of {'another checkpoint of this training' if adapter else 'the model'} there"
    if name not in listing.files:
        detail = f"{found.name} has no {name}."
        raise NotComplete(Condition.PARTIAL, Reason.CONFIG_MISSING, detail, way_out=way_out)
    try:
        with _malformed():
            config = read_object(found.path / listing.files[name].source)
        said = None if adapter else pointer_in(config)
    except ValueError as error:
        detail = f"{name} in {found.name} is not whole ({error})."
        raise NotComplete(Condition.PARTIAL, Reason.CONFIG_MISSING, detail, way_out=way_out) from None
    if adapter:
        return BaseName.of_adapter(config)
    if said:
        raise NotComplete(Condition.UNSUPPORTED, Reason.OTHER_WEIGHTS, f"{name} in {found.name}: {said}.")
    return None


def _check_weights(found: Checkpoint, listing: Listing, *, settled: bool) -> tuple[FileStamp, ...]:
    """All the files an engine needs, the weights proven whole. Other weights in the directory are left out of them,
    because an engine that reads every `*.safetensors` would mix them in."""
    support = [stamp for name, stamp in listing.files.items() if files.is_support(name)]
    index: dict[str, set[str]] = {}
    if found.kind is CheckpointKind.ADAPTER:
        weights = [files.ADAPTER_WEIGHTS]
    elif files.WEIGHTS in listing.files:
        weights = [files.WEIGHTS]  # as transformers has it: the single file goes before an index
    else:
        index = _index(found, listing)
        weights = sorted(index)
        support.append(listing.files[files.INDEX])
    _refuse_missing(found, listing, weights)
    for name in weights:
        # One header at a time: each may take hundreds of megabytes as objects.
        tensors = _tensors(found, listing, name)
        if index:
            _refuse_misplaced(found, name, index[name], tensors.keys())
        _refuse_empty(found, listing, name, tensors, settled=settled)
    stamps = [*support, *(listing.files[name] for name in weights)]
    return tuple(sorted(stamps, key=lambda stamp: stamp.name))


def _refuse_missing(found: Checkpoint, listing: Listing, weights: list[str]) -> None:
    missing = [name for name in weights if name not in listing.files]
    if missing and len(weights) > 1:
        raise _incomplete(f"{found.name} lacks {len(missing)} of {len(weights)} shards, {missing[0]} the first.")
    if missing:
        raise _incomplete(f"{found.name} has no {missing[0]}.")


def _refuse_misplaced(found: Checkpoint, shard: str, due: Set[str], held: Set[str]) -> None:
    stray = first_misplaced(due, held)
    if stray is not None and stray.lacking:
        raise _incomplete(f"{shard} in {found.name} lacks the tensor {stray.tensor!r} that the index puts there.")
    if stray is not None:
        what = f"holds the tensor {stray.tensor!r}, which the index does not put there"
        raise _incomplete(f"{shard} in {found.name} {what}.")


def _refuse_empty(
    found: Checkpoint, listing: Listing, name: str, tensors: Mapping[str, TensorInfo], *, settled: bool
) -> None:
    """ZeRO-3 leaves a file without tensors, or with a placeholder of shape [0] for each, where it gathers nothing."""
    hollow = [tensor for tensor, info in tensors.items() if 0 in info.shape]
    if tensors and len(hollow) < len(tensors) and not any(tensor.endswith(".weight") for tensor in hollow):
        return
    if settled and unsupported.was_sharded(listing.files, listing.folders):
        hollowed = unsupported.not_gathered(found.path, name)
        raise NotComplete(Condition.UNSUPPORTED, hollowed.reason, hollowed.detail)
    what = f"has nothing in the tensor {min(hollow)!r}" if hollow else "holds no tensors"
    way_out = (
        "let the trainer save it again; DeepSpeed ZeRO-3 leaves such a file unless "
        "`stage3_gather_16bit_weights_on_model_save` is true"
    )
    detail = f"{name} in {found.name} {what}."
    raise NotComplete(Condition.PARTIAL, Reason.WEIGHTS_INCOMPLETE, detail, way_out=way_out)


def _incomplete(detail: str) -> NotComplete:
    way_out = "copy what is missing there, or let the trainer save it again"
    return NotComplete(Condition.PARTIAL, Reason.WEIGHTS_INCOMPLETE, detail, way_out=way_out)


def _tensors(found: Checkpoint, listing: Listing, name: str) -> Mapping[str, TensorInfo]:
    try:
        return read_header(found.path / listing.files[name].source).tensors
    except SafetensorsError as error:
        raise _incomplete(f"{name} in {found.name} {error}.") from None


def _index(found: Checkpoint, listing: Listing) -> dict[str, set[str]]:
    """The names of the tensors in each shard, as the index has them."""
    if files.INDEX not in listing.files:
        raise _incomplete(f"{found.name} has {len(_shards(listing))} shards and no {files.INDEX} yet.")
    try:
        with _malformed():
            return read_index(found.path / listing.files[files.INDEX].source)
    except StrayShardError as error:
        detail = f"{files.INDEX} in {found.name} {error}."
        raise NotComplete(Condition.UNSUPPORTED, Reason.UNREADABLE, detail) from None
    except ValueError as error:
        raise _incomplete(f"{files.INDEX} in {found.name} is not whole ({error}).") from None


def _trainer_state(path: Path, listing: Listing) -> TrainerState | None:
    """None where there is none. Raises ValueError where it is not whole."""
    if files.TRAINER_STATE not in listing.files:
        return None
    with _malformed(), open_regular(path / listing.files[files.TRAINER_STATE].source) as file:
        return read_trainer_state(file)


def _refuse_broken_state(error: str | None) -> None:
    if error:
        raise NotComplete(Condition.PARTIAL, Reason.TRAINER_STATE_MISSING, error, way_out=INTERRUPTED)


@contextmanager
def _malformed() -> Iterator[None]:
    """Raises ValueError for a file that is not what it should be: a pipe, or far too long. Other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EFBIG):
            raise ValueError(error.strerror) from None
        raise
