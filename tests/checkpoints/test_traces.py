"""One matrix over all layouts: what writers do to a run directory, step by step, and what is found after each step.

Most rows are recordings of real writers (`traces/`, made by `record_traces.py`). Some are derived from one, where a
writer differs from it in names alone or by a marker; those that no engine loads are made by hand from the names that
their writers' documentation gives. At every moment of each row, half-written files included:

- a checkpoint is complete from its writer's last operation on, and never before;
- it is called early where all that an engine reads is written and more is to come, and nowhere else;
- while it is rotated away it is never complete with other weights than it had, so it is never taken for a new one;
- its step and kind are right, and nothing else is taken for a checkpoint;
- who watches it (`DirectorySource`) is given each save under one stamp, and not again while nothing changes.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import groupby, takewhile
from pathlib import Path

import pytest

from tests.support.checkpoint_files import safetensors_bytes, state_bytes
from watcher.checkpoints import KNOWN, DirectoryWaker, Layout, StepMetadata, discover, inspect, layouts_for
from watcher.checkpoints.layouts.completeness import MARKERS, QUIET_S
from watcher.checkpoints.sources.local import DirectorySource
from watcher.model import Checkpoint, CheckpointKind, Condition, Reason

TRACES = Path(__file__).with_name("traces")
SPAN_S = 280.0
"""Over how many seconds before now the writer's times are spread: a replay takes moments where a training takes hours,
and less than `LONG_SILENCE_S`, so that nothing counts as an old copy."""
LAST_STEP = 3
NEEDED = re.compile(r"(safetensors|config|index|tokenizer|template|special_tokens_map)[^/]*$")
"""In the names of files that an engine or its tokenizer reads."""

Operation = Sequence[str]


@dataclass(frozen=True, slots=True)
class Case:
    """A row: what the writer does, and what its checkpoints are. `refused`: why no engine loads them, and the words
    that say so, `{path}` the checkpoint's."""

    name: str
    operations: tuple[Operation, ...]
    kind: CheckpointKind = CheckpointKind.FULL
    layouts: Sequence[Layout] = KNOWN
    refused: tuple[Reason, str] | None = None


def recorded(name: str, refused: tuple[Reason, str] | None = None) -> Case:
    trace = json.loads((TRACES / f"{name}.json").read_text(encoding="utf-8"))
    operations = tuple([str(word) for word in operation] for operation in trace["operations"])
    return Case(name, operations, CheckpointKind.ADAPTER if "lora" in name else CheckpointKind.FULL, refused=refused)


def derived(name: str, source: str, change: Callable[[str], str], layouts: Sequence[Layout] = KNOWN) -> Case:
    """A recording under other names."""
    case = recorded(source)
    operations = tuple([kind, *map(change, words)] for kind, *words in case.operations)
    return replace(case, name=f"{name}, from {source}", operations=operations, layouts=layouts)


def marked(marker: str) -> Case:
    """A loop that puts a marker into each checkpoint when all else is there: an empty file, as `touch` leaves it."""
    case = recorded("loop-5.24-sharded")
    operations: list[Operation] = []
    for kind, path, *rest in case.operations:
        operations.append([kind, path, *rest])
        if kind == "close" and path.endswith("/tokenizer.json"):
            operations.append(["open", f"{Path(path).parent}/{marker}"])
    return replace(case, name=f"{marker}, from {case.name}", operations=tuple(operations))


def listed(
    name: str,
    folder: str,
    files: str,
    kind: CheckpointKind = CheckpointKind.FULL,
    refused: tuple[Reason, str] | None = None,
) -> Case:
    """One checkpoint, its files written one after the other."""
    operations: list[Operation] = [["mkdir", folder]]
    for file in files.split():
        path = f"{folder}/{file}"
        if "/" in file and ["mkdir", str(Path(path).parent)] not in operations:
            operations.append(["mkdir", str(Path(path).parent)])
        operations += [["open", path]] if file in MARKERS else [["open", path], ["close", path]]
    return Case(name, tuple(operations), kind, refused=refused)


REST = "scheduler.pt rng_state_0.pth trainer_state.json"
DCP = "python -m torch.distributed.checkpoint.format_utils dcp_to_torch"
UNLOADABLE = (
    listed(
        "accelerate FSDP, sharded",
        "checkpoint-2",
        "pytorch_model_fsdp_0/__0_0.distcp pytorch_model_fsdp_0/__1_0.distcp pytorch_model_fsdp_0/.metadata "
        f"tokenizer.json training_args.bin optimizer_0/__0_0.distcp optimizer_0/.metadata {REST}",
        refused=(
            Reason.FSDP_SHARDED,
            "run `accelerate merge-weights {path}/pytorch_model_fsdp_0 checkpoint-2-converted`",
        ),
    ),
    listed(
        "DeepSpeed ZeRO 3, not gathered",
        "checkpoint-2",
        "config.json generation_config.json tokenizer.json training_args.bin "
        "global_step2/zero_pp_rank_0_mp_rank_00_model_states.pt "
        f"global_step2/bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt latest zero_to_fp32.py {REST}",
        refused=(
            Reason.DEEPSPEED_ZERO,
            "run `python {path}/zero_to_fp32.py {path} checkpoint-2-converted --safe_serialization`",
        ),
    ),
    listed(
        "FSDP, gathered into a pickle",
        "checkpoint-2",
        f"pytorch_model_fsdp.bin training_args.bin optimizer.bin {REST}",
        refused=(Reason.PICKLE_WEIGHTS, "has its weights in pytorch_model_fsdp.bin, a pickle"),
    ),
    listed(
        "transformers without safetensors",
        "checkpoint-2",
        f"config.json generation_config.json pytorch_model.bin training_args.bin optimizer.pt {REST}",
        refused=(Reason.PICKLE_WEIGHTS, "has its weights in pytorch_model.bin, a pickle"),
    ),
    listed(
        "DCP in a folder, with a marker",
        "step_2",
        "model/__0_0.distcp model/.metadata optimizer/__0_0.distcp optimizer/.metadata STABLE",
        refused=(Reason.TORCH_DCP, f"run `{DCP} {{path}}/model step_2-converted.pt`"),
    ),
    recorded("torch-dcp", (Reason.TORCH_DCP, f"run `{DCP} {{path}} {{name}}-converted.pt`")),
    # `save_state` is for going on with a training, and keeps no configuration.
    recorded("accelerate-1.15", (Reason.CONFIG_MISSING, "has no config.json")),
)

SHARDS = "model-00001-of-00002.safetensors model-00002-of-00002.safetensors model.safetensors.index.json"
COPIED = "config.json generation_config.json tokenizer.json tokenizer_config.json"
LOADABLE = (
    *(
        recorded(path.stem)
        for path in sorted(TRACES.glob("*.json"))
        if path.stem not in {case.name for case in UNLOADABLE}
    ),
    derived("ms-swift", "hf-5.24-lora", lambda path: f"v0-20261124-101500/{path}"),
    derived("ms-swift", "hf-4.57-full", lambda path: f"v0-20261124-101500/{path}"),
    derived("global_step, padded", "loop-5.24-full", lambda path: path.replace("step_", "global_step000")),
    derived("epochs", "loop-5.24-sharded", lambda path: path.replace("step_", "epoch_")),
    derived("a pattern", "loop-5.24-full", lambda path: path.replace("step_", "it."), layouts_for("it.{step}")),
    derived("a pattern", "hf-5.24-full", lambda path: path.replace("checkpoint-", "ck"), layouts_for("ck{step}")),
    listed("torchtune", "epoch_1", f"{SHARDS} {COPIED}"),
    listed(
        # It merges the adapter into its base as well.
        "torchtune LoRA",
        "epoch_1",
        f"{SHARDS} adapter_model.pt adapter_model.safetensors adapter_config.json {COPIED}",
        CheckpointKind.ADAPTER,
    ),
    *map(marked, MARKERS),
)


class Phase(Enum):
    """How far the writer is with a directory."""

    WRITING = "writing"
    WHOLE = "whole"
    GOING = "going"


def owner(operation: Operation) -> str:
    """The directory that an operation works on, relative to the run's; '.' for that itself."""
    kind, path = operation[0], operation[-1 if operation[0] == "rename" else 1]
    if kind in ("mkdir", "rmdir") or (kind == "rename" and step_in(Path(path).name)):
        return outermost(path)
    return outermost(str(Path(path).parent))


def outermost(folder: str) -> str:
    """Of the folders in a checkpoint the checkpoint."""
    match = re.match(r"(v0-[^/]+/)?[^/]+", folder)
    return match[0] if match else folder


def step_in(name: str) -> int:
    """The step in the name of a checkpoint, 0 for other names."""
    match = re.fullmatch(r"(?:tmp-)?(?:checkpoint-|(?:global_)?step_?|epoch_|it\.|ck)0*(\d+)", name)
    return int(match[1]) if match else 0


def runs(operations: Sequence[Operation]) -> Iterator[tuple[str, bool, list[Operation]]]:
    """What the writer did at a stretch: the directory, whether it was removed, and the operations.

    Writers do one thing after the other, so a stretch of operations on one directory is one save, and those at its
    end that empty and remove it are one deletion: this is all that is assumed.
    """
    removing = [False] * len(operations)
    for index, (kind, path, *_) in reversed(list(enumerate(operations))):
        place = owner(operations[index])
        goes_on = operations[index + 1 : index + 2] and removing[index + 1] and owner(operations[index + 1]) == place
        removing[index] = (kind == "rmdir" and path == place) or (kind in ("delete", "rmdir") and bool(goes_on))
    for (place, gone), group in groupby(
        zip(map(owner, operations), removing, operations, strict=True), lambda o: o[:2]
    ):
        yield place, gone, [operation for _, _, operation in group]


def phases(operations: Sequence[Operation]) -> Iterator[dict[str, Phase]]:
    """After each operation how far the writer is with each directory that is there."""
    now: dict[str, Phase] = {}
    for place, removing, run in runs(operations):
        for _ in run[1:]:
            now[place] = Phase.GOING if removing else Phase.WRITING
            yield dict(now)
        if removing:
            del now[place]
        else:
            now[place] = Phase.WHOLE
        if run[-1][0] == "rename":
            now.pop(run[-1][1], None)
        yield dict(now)


def saves_in(case: Case) -> int:
    """How often the writer saved weights that can be loaded, or gave what it saved a checkpoint's name."""
    if case.refused:
        return 0
    named = [run for place, removing, run in runs(case.operations) if not removing and not place.startswith("tmp-")]
    return sum(any(w.endswith(".safetensors") or w.startswith("tmp-") for o in run for w in o[1:]) for run in named)


@dataclass(slots=True)
class Replay:
    """Does to `root` what the writer did."""

    root: Path
    operations: Sequence[Operation]
    _start: float = field(default_factory=lambda: time.time() - SPAN_S)

    def run(self) -> Iterator[tuple[int, bool]]:
        """At every moment worth a look: the number of the operation, and whether it is finished."""
        for index, (kind, path, *rest) in enumerate(self.operations):
            if kind in ("close", "write"):
                yield from self._fill(index, self.root / path)
            else:
                self._do(index, kind, self.root / path, [self.root / word for word in rest])
            yield index, True

    def _do(self, index: int, kind: str, path: Path, rest: Sequence[Path]) -> None:
        if kind == "open":
            path.parent.mkdir(parents=True, exist_ok=True)  # what is derived has no `mkdir` of an outer directory
            path.write_bytes(b"")
            self._date(index, path)
        elif kind == "mkdir":
            path.mkdir(parents=True)
        elif kind == "rename":
            path.rename(rest[0])
        else:
            (path.rmdir if kind == "rmdir" else path.unlink)()
        self._date(index, (rest[0] if kind == "rename" else path).parent)

    def _fill(self, index: int, file: Path) -> Iterator[tuple[int, bool]]:
        content = self._content(index)
        if file.read_bytes() == content:
            return
        file.write_bytes(content[: len(content) // 2])
        self._date(index, file)
        yield index, False
        file.write_bytes(content)
        self._date(index, file)

    def _date(self, index: int, path: Path) -> None:
        at = self._start + SPAN_S * index / len(self.operations)
        os.utime(path, (at, at))

    def _content(self, index: int) -> bytes:
        """A small file of the kind that its name, or the name that it will get, says."""
        path = self.operations[index][1]
        for kind, old, *rest in self.operations[index:]:
            if kind == "rename" and old == path:
                path = rest[0]
                break
        name, folder = Path(path).name, Path(path).parent
        if name.endswith(".safetensors"):
            return safetensors_bytes({name: 500})
        if name == "model.safetensors.index.json":
            files = {Path(word) for operation in self.operations for word in operation}
            shards = sorted(file.name for file in files if file.parent == folder and file.match("model-*-of-*"))
            return json.dumps({"weight_map": dict(zip(shards, shards, strict=True))}).encode()
        if name == "trainer_state.json":
            return state_bytes(step_in(folder.name) or LAST_STEP, LAST_STEP)
        return b'{"base_model_name_or_path": "org/base"}' if name.endswith(".json") else b"content"


@dataclass(slots=True)
class Check:
    """Looks at the run directory at each moment. `saves`: of each checkpoint, the stamps that it was complete with;
    `early`: those whose weights were said to be whole before it was."""

    case: Case
    root: Path
    saves: dict[str, list[str]] = field(default_factory=dict)
    early: set[str] = field(default_factory=set)

    def at(self, index: int, done: bool, now: dict[str, Phase]) -> None:
        """Look after an operation, or in the middle of it."""
        found = {str(item.path.relative_to(self.root)): item for item in discover(self.root, self.case.layouts)}
        there = {place for place in now if step_in(Path(place).name) and not Path(place).name.startswith("tmp-")}
        assert set(found) - {"."} == there, "found is not what `step_in` of this file takes for a checkpoint's name"
        for place, item in found.items():
            saves = self.saves.setdefault(place, [])
            if now[place] is Phase.WHOLE:
                self._whole(place, item, saves)
                continue
            # Weights that are cut off do not become whole by their writer's silence.
            cut_off = not done and self.case.operations[index][1].endswith(".safetensors")
            seen = self._inspect(item, quiet=QUIET_S if cut_off else 0.0)
            said = f"{place} ({now[place]}): {seen}"
            ended = (Condition.UNSUPPORTED,) if cut_off else ()
            assert seen.condition in (Condition.COMPLETE, Condition.PARTIAL, *ended), said
            assert seen.condition is not Condition.COMPLETE or seen.stamp in saves[-1:], said
            if seen.early and seen.stamp not in saves[-1:]:
                assert not self._still_to_come(index + done, place), said
                self.early.add(place)

    def _whole(self, place: str, item: StepMetadata, saves: list[str]) -> None:
        seen = self._inspect(item, quiet=0.0 if self._signed(place) else QUIET_S)
        if self.case.refused:
            self._refused(seen, *self.case.refused)
            return
        assert (seen.condition, seen.detail, seen.kind) == (Condition.COMPLETE, "", self.case.kind), seen
        assert seen.step == (step_in(Path(place).name) or LAST_STEP), seen
        assert self._signed(place) or self._inspect(item).reason is Reason.STILL_CHANGING, seen
        if seen.stamp not in saves[-1:]:
            saves.append(seen.stamp)

    def _refused(self, seen: Checkpoint, reason: Reason, words: str) -> None:
        assert (seen.condition, seen.reason) == (Condition.UNSUPPORTED, reason), seen
        assert words.format(path=seen.path, name=seen.path.name) in seen.detail, seen

    def _inspect(self, item: StepMetadata, quiet: float = 0.0) -> Checkpoint:
        return inspect(item, quiet)

    def _signed(self, place: str) -> bool:
        """True where the writer says that it is done; silence must do otherwise."""
        signs = {os.path.normpath(f"{place}/{sign}") for sign in (*MARKERS, "trainer_state.json")}
        return any(path.removeprefix("tmp-") in signs for _, path, *_ in self.case.operations)

    def _still_to_come(self, index: int, place: str) -> list[Operation]:
        """What the writer will do to the files that an engine reads, from this operation on to the end of the save."""
        rest = self.case.operations[index:]
        save = takewhile(lambda o: owner(o) == place and o[0] not in ("delete", "rmdir"), rest)
        return [operation for operation in save if NEEDED.search(operation[-1 if operation[0] == "rename" else 1])]


@pytest.mark.parametrize("case", [*LOADABLE, *UNLOADABLE], ids=lambda case: case.name)
def test_at_each_moment_of_its_writing_a_checkpoint_is_what_it_is(case: Case, tmp_path: Path) -> None:
    check = Check(case, tmp_path)
    story = list(phases(case.operations))
    for index, done in Replay(tmp_path, case.operations).run():
        now = dict(story[index])
        if not done:
            now[owner(case.operations[index])] = Phase.WRITING
        check.at(index, done, now)
    assert sum(map(len, check.saves.values())) == saves_in(case), check.saves
    in_place = {place for place in check.saves if "checkpoint-" in place and ["mkdir", place] in case.operations}
    assert check.early == (set() if case.refused else in_place)


@pytest.mark.parametrize("case", [*LOADABLE, *UNLOADABLE], ids=lambda case: case.name)
def test_a_watched_run_gives_each_save_once(case: Case, tmp_path: Path) -> None:
    now = 0.0
    source = DirectorySource(
        tmp_path, DirectoryWaker(tmp_path, layouts=case.layouts), layouts=case.layouts, clock=lambda: now
    )

    def look() -> set[tuple[str, str]]:
        return {(seen.name, seen.stamp) for seen in source.look() or () if seen.condition is Condition.COMPLETE}

    taken: set[tuple[str, str]] = set()
    story = list(phases(case.operations))
    for index, done in Replay(tmp_path, case.operations).run():
        taken |= look()
        if done and set(story[index].values()) == {Phase.WHOLE}:
            now += QUIET_S
            taken |= look()
            assert not look(), "given again without a change"
    assert len(taken) == saves_in(case), taken
