"""A service on a real directory and ledger; only the engine and the tracker are scripted."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from watcher.checkpoints import DirectoryWaker, free_bytes
from watcher.checkpoints.base_models import resolve_base
from watcher.checkpoints.run_log import RunLog
from watcher.checkpoints.sources.local import DirectorySource
from watcher.engine.model_files.tokenizer_files import read_stamp
from watcher.engine.types import (
    Asked,
    Generation,
    Loaded,
    Perplexity,
    PlainText,
    PromptSpec,
    Rendered,
    Sampling,
)
from watcher.evaluation.plugins import named_theme, plugged
from watcher.ledger.export import Exporter
from watcher.ledger.ledger import Ledger
from watcher.ledger.state_dir import StateDir
from watcher.model import Alert, Kind, Reason, Row, Target, UimonError
from watcher.service import Parts, Service
from watcher.service.board import Board
from watcher.settings.config import Settings
from watcher.trackers.wandb import Order, Outbox, PublishResult, RunFacts, Settling
from watcher.trackers.wandb.joining import mode_of
from watcher.trackers.wandb.outbox import Backoff
from watcher.trackers.wandb.run import Writer
from watcher.trackers.wandb.run_watch import RunWatch
from watcher.trackers.wandb.tracker import Outboxes, WandbTracker, orders_of
from watcher.validation import load_val

PAGE = '```html\n<div class="bg-teal-500 p-4"><br>Hello</div>\n```'


def write_checkpoint(root: Path, step: int, *, value: int = 0, max_steps: int = 100) -> Path:
    """A small checkpoint as a trainer leaves it: `value` is the only thing in its weights."""
    path = root / f"checkpoint-{step}"
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    header = json.dumps({"w": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]}}).encode()
    (path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + struct.pack("<q", step + value))
    losses = [{"step": step, "loss": 1.0 / step}]
    state = {"global_step": step, "max_steps": max_steps, "log_history": losses}
    (path / "trainer_state.json").write_text(json.dumps(state))
    return path


@dataclass
class ScriptedEngine:
    """Answers every prompt with a page. `faults` are raised by the loads in turn, `tells` are the notes of those that
    work, and whether they are alarming; `hold` makes generation wait."""

    faults: list[UimonError | None] = field(default_factory=list)
    tells: list[tuple[str, bool]] = field(default_factory=list)
    hold: threading.Event | None = None
    loaded: list[str] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)
    generating: threading.Event = field(default_factory=threading.Event)

    def render(
        self,
        model_dir: Path,
        conversations: Sequence[Asked],
        *,
        chat_template: str | None = None,
        template_kwargs: Mapping[str, object] | None = None,
        tokenizer_dir: Path | None = None,
    ) -> Rendered:
        """One token for each prompt; prompts that say so are too long."""
        fit = [c for c in conversations if "too long" not in c.asked]
        prompts = tuple(
            PromptSpec(c.id, c.asked, (1,), (2,), 1, sampled=not (isinstance(c, PlainText) and c.prompt is None))
            for c in fit
        )
        skipped = tuple((c.id, "it is longer than the context") for c in conversations if c not in fit)
        stamp = read_stamp(tokenizer_dir or model_dir)
        return Rendered(prompts, skipped, (0,), "template", 100, stamp)

    def load(self, path: Path, digest: str, kind: Kind, base: Path | None) -> Loaded:
        """Note the load, or raise the next scripted fault."""
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault
        assert (path / "model.safetensors").is_file()
        self.loaded.append(digest)
        note, alarming = self.tells.pop(0) if self.tells else ("", False)
        return Loaded("warm", 0.1, digest, 8, note, alarming)

    def generate(
        self,
        prompts: Sequence[PromptSpec],
        sampling: Sampling,
        stop_ids: Sequence[int],
    ) -> Iterator[Generation]:
        """The page for every sample, the last one of the last prompt first."""
        for prompt, index in reversed([(prompt, index) for prompt in prompts for index in range(sampling.n)]):
            self.generating.set()
            if self.hold is not None and not self.hold.wait(20):
                raise AssertionError("nobody let the engine go on")
            if self.closed.is_set():
                raise UimonError(Reason.ENGINE_DIED, "The engine is gone.")
            yield Generation(prompt.id, index, PAGE, 12, "stop")

    def perplexity(self, prompts: Sequence[PromptSpec]) -> Perplexity:
        """exp(1) for every reference."""
        return Perplexity(float(len(prompts)), len(prompts), len(prompts), 0)

    def reserve(self, prompts: Sequence[PromptSpec], sampling: Sampling, context: int) -> None:
        """It has room for everything."""

    def interrupt(self) -> None:
        """Let whoever waits for the engine go."""
        self.closed.set()
        if self.hold is not None:
            self.hold.set()


@dataclass
class ScriptedTracker:
    """Takes every row, or answers with `refuse` while it is set; `deferred` ends as it does for a run that ended."""

    refuse: Reason | None = None
    rows: list[Row] = field(default_factory=list)
    companion: list[Row] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    attempts: int = 0

    def publish(
        self,
        rows: Sequence[Row],
        alerts: Sequence[Alert],
        order: Order,
        on_mark: Callable[[Sequence[str], int], None],
    ) -> PublishResult:
        """Keep the rows as if they had been read back."""
        if order.target is Target.COMPANION:
            on_mark([row.uid for row in rows], 0)
            self.companion += rows
            self.alerts += alerts
            return PublishResult(
                tuple(row.uid for row in rows), url="http://companion", alerted=tuple(alert.key for alert in alerts)
            )
        self.attempts += 1
        if self.refuse is Reason.DEFERRED and order.settled:
            self.refuse = None
        if self.refuse is not None:
            return PublishResult((), self.refuse, "it was refused")
        uids = [row.uid for row in rows]
        on_mark(uids, len(self.rows))
        self.rows += rows
        self.alerts += alerts
        return PublishResult(tuple(uids), url="http://run", alerted=tuple(alert.key for alert in alerts))


@dataclass
class House:
    """A run directory, a state directory, and everything to start services on them, one after the other."""

    root: Path
    state: StateDir
    ledger: Ledger
    val: Path
    engine: ScriptedEngine = field(default_factory=ScriptedEngine)
    tracker: ScriptedTracker = field(default_factory=ScriptedTracker)
    run_state: str | None = "running"
    writer: Writer = Writer.SHARED
    free: Callable[[Path], int] = free_bytes
    facts: Callable[[], RunFacts | None] | None = None
    """What W&B says of the run; None: what `run_state` and `writer` are."""
    logged: Callable[[], RunLog | None] = lambda: None
    wandb: WandbTracker = field(init=False)
    """The newest service's."""
    closing: ExitStack = field(default_factory=ExitStack)

    def service(self, **settings: object) -> Service:
        """A service on this house; looks every 50 ms."""
        self.engine.closed.clear()
        chosen = Settings(**{"poll": 0.05, "samples": 2, "disk_floor_gb": 0, "drain_timeout": 2} | settings)  # type: ignore[arg-type]
        self.wandb = self._tracker(chosen)
        # Each open waker is an inotify instance, of which a user has 128 on most machines.
        waker = self.closing.enter_context(DirectoryWaker(self.root))
        parts = Parts(
            source=DirectorySource(self.root, waker),
            engine=self.engine,
            ledger=self.ledger,
            exporter=Exporter(self.ledger, self.state),
            tracker=self.wandb,
            resolve_base=lambda named, near: resolve_base(named, None, near),
            free=lambda path: self.free(path),
            plugins=self.closing.enter_context(plugged(chosen.scorers)),
            theme=named_theme(chosen.theme),
        )
        return Service(chosen, "run", load_val(self.val), self.state.stage, parts, board=Board())

    def _tracker(self, settings: Settings) -> WandbTracker:
        pace = Backoff(base=0.05, longest=0.1, recheck=0.1)
        watch = RunWatch(self._facts, Settling.after(settings.settle))
        run, companion = self.ledger.outbox(), self.ledger.outbox(Target.COMPANION)
        order = orders_of(self.ledger, watch, mode_of(settings.wandb))
        outboxes = Outboxes(
            Outbox(run, self.tracker, order=order, backoff=pace, gather=0.0),
            Outbox(companion, self.tracker, order=lambda: Order(Target.COMPANION), backoff=pace, gather=0.0),
        )
        return WandbTracker(self.ledger, outboxes, watch, lambda: self.logged())

    def _facts(self) -> RunFacts | None:
        return RunFacts(True, self.run_state, self.writer) if self.facts is None else self.facts()

    def states(self) -> list[tuple[int, str, str | None]]:
        """(step, state, reason) of every checkpoint."""
        return [(r.step, str(r.state), r.reason) for r in self.ledger.records()]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    root = tmp_path / "ckpts"
    root.mkdir()
    val = tmp_path / "val.jsonl"
    val.write_text("".join(json.dumps({"question": f"page {i}", "answer": "a"}) + "\n" for i in range(3)))
    state = StateDir(tmp_path / "state")
    state.create()
    ledger = Ledger(state.ledger)
    built = House(root, state, ledger, val)
    with built.closing:
        yield built
    ledger.close()
