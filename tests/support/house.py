"""A service on a real directory and ledger; only the engine and what publishes are scripted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.fake_engines import FakeEngines
from tests.support.scripted_engine import ScriptedEngine
from tests.support.scripted_followup import ScriptedFollowup
from tests.support.scripted_tracker import ScriptedTracker
from watcher.checkpoints import DirectoryWaker, free_bytes
from watcher.checkpoints.base_models import resolve_base
from watcher.checkpoints.run_log import RunLog
from watcher.checkpoints.sources.local import DirectorySource
from watcher.evaluation.plugins import named_theme, plugged
from watcher.ledger.export import Exporter
from watcher.ledger.ledger import Ledger
from watcher.ledger.state_dir import StateDir
from watcher.model import Target
from watcher.service import Parts, Service
from watcher.service.board import Board
from watcher.settings.config import Settings
from watcher.trackers.wandb import Outbox, PublishPlan, RunFacts, Settling
from watcher.trackers.wandb.joining import mode_of
from watcher.trackers.wandb.outbox import Backoff
from watcher.trackers.wandb.run import Writer
from watcher.trackers.wandb.run_watch import RunWatch
from watcher.trackers.wandb.tracker import Outboxes, WandbTracker, plans_of
from watcher.validation import load_val


@dataclass
class House:
    """A run directory, a state directory, and everything to start services on them, one after the other."""

    root: Path
    state: StateDir
    ledger: Ledger
    val: Path
    engine: ScriptedEngine = field(default_factory=ScriptedEngine)
    engines: FakeEngines | None = None
    """None: a pool of that one engine."""
    followups: tuple[ScriptedFollowup, ...] = ()
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
        for followup in self.followups:
            followup.interrupted.clear()
        chosen = Settings(**{"poll": 0.05, "samples": 2, "disk_floor_gb": 0, "drain_timeout": 2} | settings)
        self.wandb = self._tracker(chosen)
        # Each open waker is an inotify instance, of which a user has 128 on most machines.
        waker = self.closing.enter_context(DirectoryWaker(self.root))
        parts = Parts(
            source=DirectorySource(self.root, waker),
            engines=self.engines or FakeEngines(self.engine),
            ledger=self.ledger,
            exporter=Exporter(self.ledger, self.state),
            tracker=self.wandb,
            resolve_base=lambda named, near: resolve_base(named, None, near),
            free=lambda path: self.free(path),
            plugins=self.closing.enter_context(plugged(chosen.scorers)),
            theme=named_theme(chosen.theme),
            followups=self.followups,
        )
        return Service(chosen, "run", load_val(self.val), self.state.stage, parts, board=Board())

    def _tracker(self, settings: Settings) -> WandbTracker:
        pace = Backoff(base=0.05, longest=0.1, recheck=0.1)
        watch = RunWatch(self._facts, Settling.after(settings.settle))
        run, companion = self.ledger.outbox(), self.ledger.outbox(Target.COMPANION)
        order = plans_of(self.ledger, watch, mode_of(settings.wandb))
        outboxes = Outboxes(
            Outbox(run, self.tracker, order=order, backoff=pace, gather=0.0),
            Outbox(companion, self.tracker, order=lambda: PublishPlan(Target.COMPANION), backoff=pace, gather=0.0),
        )
        return WandbTracker(self.ledger, outboxes, watch, lambda: self.logged())

    def _facts(self) -> RunFacts | None:
        return RunFacts(True, self.run_state, self.writer) if self.facts is None else self.facts()

    def states(self) -> list[tuple[int, str, str | None]]:
        """(step, state, reason) of every checkpoint."""
        return [(r.step, str(r.state), r.reason) for r in self.ledger.records()]


def house_in(place: Path) -> House:
    """A house below `place`, with three prompts, as it was left there."""
    root = place / "ckpts"
    root.mkdir(parents=True, exist_ok=True)
    val = place / "val.jsonl"
    val.write_text("".join(json.dumps({"question": f"page {i}", "answer": "a"}) + "\n" for i in range(3)))
    state = StateDir(place / "state")
    state.create()
    return House(root, state, Ledger(state.ledger), val)


@contextmanager
def open_house(place: Path) -> Iterator[House]:
    """A house below `place`; at the end all that it has opened is closed."""
    built = house_in(place)
    with built.closing:
        yield built
    built.ledger.close()
