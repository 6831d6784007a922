"""Is this machine ready? Each check is a function of what it is handed, and answers with one sentence and a next step.

Nothing here imports vLLM or W&B, creates a file, or takes memory on a GPU: vLLM is tried in a process of its own, and
everything else that touches the world is handed in by the caller.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from watcher.checkpoints import KNOWN, Layout, discover, free_bytes, inspect
from watcher.checkpoints.base_models import resolve_base, snapshot_of
from watcher.checkpoints.deeper import name_itself, name_links, name_runs, runs_below
from watcher.checkpoints.layouts.completeness import QUIET_S
from watcher.engine.gpu import GpuChoice
from watcher.ledger.state_dir import STAYS, elsewhere, in_memory, not_local
from watcher.model import Checkpoint, CheckpointKind, Condition, Reason, UimonError
from watcher.system.access import first_barred, may_read
from watcher.system.mounts import nearest, network_file_system

OLDEST_PYTHON = (3, 11)
GUARDED_VLLM = "0.32."
"""The vLLM releases whose weight loading the engine's guards were written for and tested with."""
NEWEST_LOOKED_AT = 3
INOTIFY = Path("/proc/sys/fs/inotify")


class Status(StrEnum):
    """How a check ended; only `problem` keeps uimon from working as asked."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Check:
    """One check's answer: what was found, and for a note or problem what to do next."""

    name: str
    status: Status
    sentence: str
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What a process that imported vLLM says: versions, and the kind of device it was built for (`cuda`, `cpu`)."""

    vllm: str
    torch: str
    device: str


class ValFacts(Protocol):
    """What is asked of a validation file that was read."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def conversations(self) -> Sequence[object]:
        """Its usable prompts."""

    @property
    def unusable(self) -> int:
        """Lines that cannot be asked."""

    @property
    def summary(self) -> str:
        """What was read, as what, and what was left out, in a sentence."""


class ExistingRun(Protocol):
    """What is asked of a W&B run that exists."""

    @property
    def state(self) -> str | None:
        """W&B's word: running, finished, crashed, failed, killed."""

    @property
    def writer(self) -> str:
        """The mode of its trainer: `shared` allows a second writer, `default` does not; or `unknown`."""

    @property
    def url(self) -> str | None:
        """Its page."""


@dataclass(frozen=True, slots=True)
class CheckedPaths:
    """The directories in question; None where none was named. `floor_bytes` of disk must stay free. `layouts` are those
    of the run's trainer.
    """

    checkpoints: Path | None
    state_dir: Path
    stage_dir: Path
    floor_bytes: int = 0
    samples: int = 1
    layouts: Sequence[Layout] = KNOWN


@dataclass(frozen=True, slots=True)
class Probes:
    """What touches the world. `val`, `wandb` and `arguments` are None where there is nothing to look up; each callable
    but `events`, `free` and `readable` may raise UimonError, whose sentence then is the check's. `base` finds an
    adapter's base, `arguments` has vLLM read the user's own.
    """

    engine: Callable[[], EngineFacts]
    gpu: Callable[[], GpuChoice]
    val: Callable[[], ValFacts] | None
    wandb: Callable[[], ExistingRun] | None
    events: Callable[[Path], str | None]
    base: Callable[[Checkpoint], Path] = lambda checkpoint: resolve_base(checkpoint.base, None, checkpoint.path)
    arguments: Callable[[], None] | None = None
    python: tuple[int, ...] = field(default_factory=lambda: tuple(sys.version_info[:3]))
    inotify: Path = INOTIFY
    free: Callable[[Path], int] = free_bytes
    readable: Callable[[Path], bool] = may_read


class EngineProblem(Exception):
    """vLLM cannot be used here: `sentence` says why, `next_step` what to do."""

    def __init__(self, sentence: str, next_step: str) -> None:
        super().__init__(sentence)
        self.sentence, self.next_step = sentence, next_step


def run_checks(places: CheckedPaths, probes: Probes) -> list[Check]:
    """All checks, in the order in which a first-time user would put things right. Never raises for what it finds."""
    newest = newest_checkpoints(places.checkpoints, places.layouts)
    return [
        check_python(probes.python),
        *check_engine(probes.engine, probes.gpu),
        *check_arguments(probes.arguments),
        check_val(probes.val, places.samples),
        check_directory(places.checkpoints, newest, probes.readable, places.layouts),
        *check_base(newest, probes.base),
        check_events(places.checkpoints, probes.events, probes.inotify),
        check_state_dir(places.state_dir, places.checkpoints),
        check_disk(places.stage_dir, newest, places.floor_bytes, probes.free, places.checkpoints),
        check_wandb(probes.wandb),
    ]


def check_python(version: tuple[int, ...]) -> Check:
    """Whether this Python is recent enough."""
    text = ".".join(map(str, version[:3]))
    if version[:2] < OLDEST_PYTHON:
        return Check("python", Status.PROBLEM, f"Python {text} is too old.", "Install Python 3.11 or newer.")
    return Check("python", Status.OK, f"Python {text}.")


def check_engine(engine: Callable[[], EngineFacts], gpu: Callable[[], GpuChoice]) -> list[Check]:
    """Whether vLLM works, whether there is a GPU for it that nobody else uses, and whether the two fit together."""
    try:
        facts = engine()
    except EngineProblem as problem:
        return [Check("vllm", Status.PROBLEM, problem.sentence, problem.next_step), check_gpu(gpu, None)]
    said = f"vLLM {facts.vllm} with torch {facts.torch}, for {facts.device.upper()}."
    vllm = Check("vllm", Status.OK, said)
    if not facts.vllm.startswith(GUARDED_VLLM):
        step = (
            f"uimon still proves every checkpoint's weights before it counts; vLLM {GUARDED_VLLM}x is the best tested."
        )
        vllm = Check("vllm", Status.NOTE, said, step)
    return [vllm, check_gpu(gpu, facts.device)]


def check_arguments(arguments: Callable[[], None] | None) -> list[Check]:
    """Whether vLLM takes the user's own arguments; nothing to check without any."""
    if arguments is None:
        return []
    try:
        arguments()
    except UimonError as error:
        return [Check("engine_args", Status.PROBLEM, error.sentence, "Correct --engine-args.")]
    return [Check("engine_args", Status.OK, "vLLM takes the arguments of --engine-args.")]


def check_theme(note: str) -> list[Check]:
    """What uimon does not read of the theme, where that is so."""
    return [Check("theme", Status.NOTE, note, "`uimon watch` warns of it and goes on.")] if note else []


def check_gpu(gpu: Callable[[], GpuChoice], built_for: str | None) -> Check:
    """Whether as many GPUs are free as the engine needs. `built_for` is the device that vLLM was built for; None where
    it cannot say."""
    try:
        choice = gpu()
    except UimonError as error:
        step = "Correct --gpu, or free a GPU; nothing was touched."
        if error.reason is Reason.CONFIG_INVALID:
            step = "Change the variable; nothing was started."
        return Check("gpu", Status.PROBLEM, error.sentence, step)
    has_gpu = choice.cuda_visible_devices is not None
    if has_gpu and built_for == "cpu":
        step = "Install `uimon[gpu]` in an environment of its own to use it."
        return Check("gpu", Status.NOTE, f"This vLLM was built for the CPU, but there is {choice.name}.", step)
    if not has_gpu and built_for == "cuda":
        step = "Install `uimon[cpu]` in an environment of its own, or repair the driver (`nvidia-smi` shows it)."
        return Check("gpu", Status.PROBLEM, f"{choice.why} But this vLLM was built for CUDA.", step)
    if not has_gpu:
        return Check("gpu", Status.NOTE, choice.why, "Fine for small models and the demo; slow for anything larger.")
    return Check("gpu", Status.OK, choice.why)


def check_val(val: Callable[[], ValFacts] | None, samples: int) -> Check:
    """Whether the validation file holds prompts, and as many as are to be evaluated."""
    if val is None:
        return Check("val", Status.NOTE, "No validation file was looked for.", "Name one with --val FILE.")
    try:
        facts = val()
    except UimonError as error:
        return Check("val", Status.PROBLEM, error.sentence, "Correct it, or name another file with --val FILE.")
    count = len(facts.conversations)
    if count < samples:
        all_of_it = f"All {count} are" if count > 1 else "This one is"
        step = f"{all_of_it} evaluated instead of {samples}; intervals are wider."
        return Check("val", Status.NOTE, facts.summary, step)
    if facts.unusable:
        return Check("val", Status.NOTE, facts.summary, "The unusable ones are left out.")
    return Check("val", Status.OK, facts.summary)


def newest_checkpoints(root: Path | None, layouts: Sequence[Layout]) -> list[Checkpoint]:
    """The newest checkpoints in `root` as they stand, newest first; none where it cannot be listed."""
    if root is None:
        return []
    try:
        found = discover(root, layouts)[-NEWEST_LOOKED_AT:]
    except UimonError:
        return []
    return [inspect(candidate, QUIET_S) for candidate in reversed(found)]


def prompts_there(val: Callable[[], ValFacts] | None, samples: int) -> int:
    """How many prompts are evaluated: as many as are asked for, or the file's, where it is known to have fewer."""
    try:
        return samples if val is None else min(samples, len(val().conversations))
    except UimonError:
        return samples


def check_samples(too_few_for: Sequence[str], *, all_there: bool = False) -> Check:
    """`too_few_for`: what so many prompts are too few for, a sentence each. `all_there`: the file has no more."""
    if not too_few_for:
        return Check("samples", Status.OK, "There are enough prompts for every early warning.")
    step = "Name a file with more prompts." if all_there else "Raise --samples, if the file has the prompts."
    return Check("samples", Status.NOTE, " ".join(too_few_for), step)


def check_directory(
    root: Path | None, newest: Sequence[Checkpoint], readable: Callable[[Path], bool], layouts: Sequence[Layout]
) -> Check:
    """Whether the checkpoint directory can be read, and whether what is in it can be evaluated."""
    name = "checkpoints"
    if root is None:
        return Check(name, Status.NOTE, "No checkpoint directory was named.", "Run `uimon doctor CKPTS` to check it.")
    if barred := first_barred(root, (checkpoint.path for checkpoint in newest), readable):
        return Check(name, Status.PROBLEM, barred.sentence, barred.next_step)
    try:
        count = len(discover(root, layouts))
    except UimonError as error:
        return Check(name, Status.PROBLEM, error.sentence, "Name the trainer's output directory.")
    if not root.exists():
        step = "uimon waits for it; if the trainer has started already, check the path."
        return Check(name, Status.NOTE, f"{root} does not exist yet.", step)
    if not count:
        return _empty_directory(root, layouts)
    return _judge_newest(root, count, newest, layouts)


def _empty_directory(root: Path, layouts: Sequence[Layout]) -> Check:
    shown = layouts[0].shown
    if said := name_itself(root, layouts) or name_links(root, layouts):
        step = f"Name the directory where the trainer saves {shown}."
        return Check("checkpoints", Status.PROBLEM, said, step)
    if runs := runs_below(root, layouts):
        return Check("checkpoints", Status.PROBLEM, name_runs(root, runs), f"Name that directory: {runs[0]}.")
    step = "uimon waits for the first one."
    return Check("checkpoints", Status.OK, f"{root} is readable and holds no {shown} yet.", step)


def _judge_newest(root: Path, count: int, newest: Sequence[Checkpoint], layouts: Sequence[Layout]) -> Check:
    there = f"{root} holds {count} checkpoint{'s' if count > 1 else ''}"
    for checkpoint in newest:
        if checkpoint.condition is Condition.UNSUPPORTED:
            step = "Until then it is listed as failed, with this reason."
            return Check("checkpoints", Status.PROBLEM, f"{there}. {checkpoint.detail}", step)
    complete = next((c for c in newest if c.condition is Condition.COMPLETE), None)
    if complete is None:
        detail = f" {newest[0].detail}" if newest else ""
        step = "uimon evaluates each once it is whole."
        return Check("checkpoints", Status.NOTE, f"{there}, the newest of them not complete.{detail}", step)
    said = f"{there}; {complete.name} is complete ({complete.bytes / 1e9:.2f} GB, {complete.kind})."
    if links := name_links(root, layouts):
        return Check("checkpoints", Status.NOTE, said, links)
    return Check("checkpoints", Status.OK, said)


def check_base(newest: Sequence[Checkpoint], base: Callable[[Checkpoint], Path]) -> list[Check]:
    """Whether the base of the newest adapter is on this machine; nothing to check without an adapter."""
    adapter = next((c for c in newest if c.kind is CheckpointKind.ADAPTER and c.condition is Condition.COMPLETE), None)
    if adapter is None:
        return []
    try:
        place = base(adapter)
    except UimonError as error:
        return [Check("base", Status.PROBLEM, error.sentence, "Until then the adapters are listed as failed.")]
    return [Check("base", Status.OK, f"{adapter.name} is served over {snapshot_of(place)}.")]


def check_events(root: Path | None, events: Callable[[Path], str | None], limits: Path) -> Check:
    """Whether file events wake the watcher; without them it still finds everything, at each poll."""
    said = ", ".join(f"{name} {_limit(limits / name)}" for name in ("max_user_watches", "max_user_instances"))
    if root is None or not root.is_dir():
        return Check("events", Status.OK, f"inotify limits: {said}.")
    problem = events(root)
    if problem:
        return Check("events", Status.NOTE, problem, f"Nothing is lost; uimon only sees a checkpoint later ({said}).")
    return Check("events", Status.OK, f"File events arrive; inotify limits: {said}.")


def _limit(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return "unknown"


def check_state_dir(state_dir: Path, root: Path | None) -> Check:
    """Whether the state directory can be written, and lies outside of the trainer's. Nothing is created."""
    name = "state"
    if root is not None and state_dir.resolve().is_relative_to(root.resolve()):
        said = f"The state directory {state_dir} lies in the trainer's directory, where uimon writes nothing."
        return Check(name, Status.PROBLEM, said, "Name another with --state-dir.")
    existing = nearest(state_dir)
    if kind := network_file_system(existing):
        return Check(name, Status.PROBLEM, not_local(state_dir, kind), f"{elsewhere(state_dir)} {STAYS}")
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        why = "is not a directory" if not existing.is_dir() else "cannot be written"
        said = f"The state directory {state_dir} cannot be used: {existing} {why}."
        return Check(name, Status.PROBLEM, said, "Name another with --state-dir, or change its permissions.")
    if said := in_memory(state_dir):
        return Check(name, Status.NOTE, said, elsewhere(state_dir))
    what = "exists" if existing == state_dir.resolve() else "can be made"
    return Check(name, Status.OK, f"The state directory {state_dir} {what}.")


def check_disk(
    stage_dir: Path,
    newest: Sequence[Checkpoint],
    floor_bytes: int,
    free: Callable[[Path], int],
    root: Path | None = None,
) -> Check:
    """Whether copies of checkpoints that wait have room, the free space that must remain taken off."""
    if root is not None and stage_dir.resolve().is_relative_to(root.resolve()):
        said = f"The stage directory {stage_dir} lies in the trainer's directory, where uimon writes nothing."
        return Check("disk", Status.PROBLEM, said, "Name another with --stage-dir.")
    try:
        room = free(nearest(stage_dir)) - floor_bytes
    except OSError as error:
        said = f"The free space of {stage_dir} cannot be determined ({error.strerror})."
        return Check("disk", Status.PROBLEM, said, "Name another place with --stage-dir.")
    size = max((checkpoint.bytes for checkpoint in newest), default=0)
    said = f"{max(room, 0) / 1e9:.2f} GB may be used for copies in {stage_dir}"
    step = "Free some space, or name another place with --stage-dir."
    if room < size or room <= 0:
        need = f", a checkpoint takes {size / 1e9:.2f} GB" if size else ""
        return Check("disk", Status.PROBLEM, f"{said}{need}.", step)
    if not size:
        return Check("disk", Status.OK, f"{said}; a checkpoint's size is not known yet.")
    said = f"{said}, room for {room // size} checkpoints of {size / 1e9:.2f} GB."
    return Check("disk", Status.NOTE if room < 2 * size else Status.OK, said, step if room < 2 * size else "")


def check_wandb(wandb: Callable[[], ExistingRun] | None) -> Check:
    """Whether the trainer's run is there and takes a second writer."""
    if wandb is None:
        step = "Name the trainer's run with --run-id; without it results stay in the state directory."
        return Check("wandb", Status.NOTE, "No W&B run was named.", step)
    try:
        facts = wandb()
    except UimonError as error:
        return Check("wandb", Status.PROBLEM, error.sentence, "Rows wait in the state directory meanwhile.")
    shared_mode = "Start the trainer with WANDB_MODE=shared and its WANDB_RUN_ID."
    run = f"The run is {facts.state or 'there'}{f' ({facts.url})' if facts.url else ''}"
    if facts.writer != "shared":
        said = f"{run}, but its trainer is not in W&B's shared mode: a second writer would overwrite its rows."
        step = f"{shared_mode} Without it rows go into a companion run, and into this one when it has ended."
        return Check("wandb", Status.NOTE, said, step)
    return Check("wandb", Status.OK, f"{run}, in shared mode.")
