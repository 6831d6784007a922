"""Puts the parts of a service together for `uimon watch` and `uimon eval`; what can fail cheaply comes first."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from watcher.checkpoints.base_models import resolve_base
from watcher.checkpoints.sources.source import Source
from watcher.engine import EngineSettings
from watcher.engine.capacity import cpu_cache_gib
from watcher.engine.gpu import GpuChoice, SystemNvml, choose_gpu
from watcher.engine.pool import OneEngine
from watcher.evaluation.evaluate import TableLimits
from watcher.evaluation.plugins import named_theme, plugged, theme_note
from watcher.followups import in_force
from watcher.ledger.export import Exporter, parse_keep
from watcher.ledger.ledger import Ledger
from watcher.ledger.rebuild import open_ledger
from watcher.ledger.state_dir import Lease, StateDir, in_memory
from watcher.ledger.state_home import ROOT, Owner, owner_of, safe_name, short_hash
from watcher.model import Reason, UimonError
from watcher.service import Parts, Service
from watcher.service.board import Board
from watcher.service.signals import log
from watcher.settings.config import Settings
from watcher.trackers.wandb import RunRef
from watcher.trackers.wandb.tracker import wandb_tracker
from watcher.validation import ValFile


@dataclass(frozen=True, slots=True)
class Assembled:
    """A service that is ready to run, and what its command wants to show of it."""

    service: Service
    ledger: Ledger
    state: StateDir
    board: Board


@contextmanager
def assembled(
    settings: Settings, run: RunRef | None, owner: Owner, val: ValFile, source: Source, state_root: Path
) -> Iterator[Assembled]:
    """A service in its state directory, which nobody else may use meanwhile; everything is closed at the end.

    `run` is None where nothing is logged; the name of the `owner`'s run identifies it in the ledger and in uids.
    """
    theme = named_theme(settings.theme)
    if note := theme_note(theme):
        log.warning("%s", note)
    # Resolved once: the ledger keeps paths of copies, and a restart may name the same place in another way.
    state, name = StateDir(state_root.resolve()), owner.run
    state.create()
    if where := in_memory(state.root):
        log.warning("%s", where)
    with ExitStack() as closing:
        # Before an engine is there: a scorer that cannot be loaded ends the start.
        plugins = closing.enter_context(plugged(settings.scorers))
        lease = Lease(state)
        closing.callback(lease.release)
        table = TableLimits(settings.table_rows, settings.table_kb * 1000)
        _require_same_run(state, owner)
        followups = in_force(settings)
        ledger = open_ledger(state, name, table, log.error, {followup.kind for followup in followups})
        closing.callback(ledger.close)
        require_engine()
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        gpu = choose_gpu(settings.gpu, settings.share_gpu, SystemNvml(), visible, settings.tensor_parallel)
        log.info("%s", gpu.why)
        if gpu.cuda_visible_devices is None:
            cpu_cache_gib(os.environ)  # refused before anything starts
        engines = OneEngine(engine_settings(settings, gpu, state))
        closing.callback(engines.close)
        engines.check_arguments()
        _take_down(ledger, owner)
        ledger.remember("wandb", "off" if run is None else settings.wandb)
        board, say = Board(), _once(log.warning)
        parts = Parts(
            source=source,
            engines=engines,
            ledger=ledger,
            exporter=Exporter(ledger, state, parse_keep(settings.keep_samples)),
            tracker=None if run is None else wandb_tracker(run, ledger, state.root, settings.wandb, settings.settle),
            resolve_base=lambda named, near: resolve_base(named, settings.base, near, say),
            plugins=plugins,
            theme=theme,
            followups=followups,
        )
        # A stage directory of one's own may serve several runs, also of one name, and each removes what it left behind.
        own = f"{safe_name(name)}-{short_hash(str(state.root))}"
        stage_dir = settings.stage_dir.resolve() / own if settings.stage_dir else state.stage
        yield Assembled(Service(settings, name, val, stage_dir, parts, board=board), ledger, state, board)


def _once(say: Callable[[str], None]) -> Callable[[str], None]:
    """`say`, but each sentence only the first time."""
    said: set[str] = set()

    def first_time(sentence: str) -> None:
        if sentence not in said:
            said.add(sentence)
            say(sentence)

    return first_time


def owner_for(run: RunRef | None, name: str, root: Path | None) -> Owner:
    """Whose results they are: those of a W&B run or another one of this `name`, or of the checkpoints in `root`."""
    if run is not None:
        return Owner(name, run.project or "", run.entity or "", run.server_in(os.environ))
    return Owner(name, root=str(root or ""))


def _require_same_run(state: StateDir, owner: Owner) -> None:
    """A ledger belongs to one run: rows of another would be published into it, or be mixed with its own.

    Raises UimonError(CONFIG_INVALID) where the ledger is another run's. A directory that is there no more may be the
    same one under another name.
    """
    theirs = owner_of(state)
    if theirs is None or theirs.is_same(owner):
        return
    if not owner.named and theirs.run == owner.run and not Path(theirs.root).exists():
        return
    raise UimonError(
        Reason.CONFIG_INVALID,
        f"The ledger {state.ledger} belongs to {theirs.title}; give this run its own --state-dir.",
    )


def _take_down(ledger: Ledger, owner: Owner) -> None:
    """Remember in the ledger whose it is; what is not known this time stays as it was."""
    known = {"run": owner.run, "project": owner.project, "entity": owner.entity, "server": owner.server}
    for key, value in {**known, ROOT: owner.root}.items():
        ledger.remember(key, value or ledger.recall(key) or "")


def require_engine() -> None:
    """Raises UimonError(ENGINE_MISSING) with the command that installs vLLM, where it is not installed."""
    if importlib.util.find_spec("vllm") is None:
        sentence = (
            "vLLM is not installed: `pip install 'uimon[gpu]'` for an NVIDIA GPU, "
            "`pip install 'uimon[cpu]'` for a machine without one."
        )
        raise UimonError(Reason.ENGINE_MISSING, sentence)


def engine_settings(settings: Settings, gpu: GpuChoice, state: StateDir) -> EngineSettings:
    """The engine's part of the settings."""
    visible = gpu.cuda_visible_devices
    return EngineSettings(
        state_dir=state.engine,
        device_env={} if visible is None else {"CUDA_VISIBLE_DEVICES": visible},
        gpu_bytes=None if visible is None else gpu.total_bytes,
        max_model_len=settings.max_model_len,
        max_num_seqs=settings.max_num_seqs,
        dtype=settings.dtype,
        gpu_memory_utilization=settings.gpu_memory_utilization,
        tokenizer=settings.tokenizer,
        tensor_parallel=settings.tensor_parallel,
        engine_args=settings.engine_args,
        swap=settings.swap,
    )
