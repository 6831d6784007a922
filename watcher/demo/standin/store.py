"""What the stand-in keeps of each run, and the two ways in which a writer may add history to it.

A *default-mode* writer counts its own history lines and says at which offset each batch belongs; the store
writes them there and records every line that a different line overwrote. A *shared-mode* writer's lines are
appended and their `_step` is renumbered, since each writer counts from its own zero. That is what makes the
loss of rows by two default-mode writers visible, and its absence provable.

Everything is in memory. Nothing here does input or output.
"""

from __future__ import annotations

import json
import random
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from watcher.demo.standin.lag import ReadLag

JsonObject: TypeAlias = dict[str, Any]
Variables: TypeAlias = Mapping[str, Any]
"""What an operation is asked with."""

SUMMARY_FILE = "wandb-summary.json"
HISTORY_FILE = "wandb-history.jsonl"
EVENTS_FILE = "wandb-events.jsonl"


@dataclass(frozen=True, slots=True)
class Clobbered:
    """One history line that a different line of another writer replaced: `offset` counts lines from zero."""

    run: str
    offset: int
    lost: JsonObject
    kept: JsonObject


@dataclass(frozen=True, slots=True)
class RecordedAlert:
    """One alert of a run as the client sent it; `at` is the store's time."""

    run: str
    title: str
    text: str
    severity: str
    at: float


@dataclass(slots=True)
class RunRecord:
    """One run. `history`, `arrived` (seconds of the store's clock) and `chances` (of the read lag) run in parallel, one
    entry a line. `summaries`: the latest summaries with the same two, until the next is shown; `summary` is the last.
    """

    entity: str
    project: str
    name: str
    storage_id: str
    created: float
    state: str = "running"
    exit_code: int | None = None
    display_name: str = ""
    attributes: JsonObject = field(default_factory=dict)
    config: JsonObject = field(default_factory=dict)
    summary: JsonObject = field(default_factory=dict)
    history: list[JsonObject] = field(default_factory=list)
    arrived: list[float] = field(default_factory=list)
    chances: list[float] = field(default_factory=list)
    summaries: list[tuple[float, float, JsonObject]] = field(default_factory=list)
    history_keys: set[str] = field(default_factory=set)
    events: list[str] = field(default_factory=list)
    logs: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    uploaded: dict[str, float] = field(default_factory=dict)
    states: list[tuple[float, str]] = field(default_factory=list)
    heartbeat: float = 0.0
    ordered: bool = True
    last_step: int = -1

    @property
    def path(self) -> str:
        """`entity/project/run id`."""
        return f"{self.entity}/{self.project}/{self.name}"

    def become(self, state: str, now: float) -> None:
        """Enter `state`, and remember when, so that a test can see every change."""
        if state != self.state or not self.states:
            self.states.append((now, state))
        self.state = state


class StandinStore:
    """All runs, alerts and artifacts of one stand-in. Not thread-safe: its server holds a lock around it."""

    def __init__(self, clock: Callable[[], float] = time.time, heartbeat_limit: float | None = None) -> None:
        """`heartbeat_limit`: seconds without a post after which a running run reads as `crashed`; None: never."""
        self.clock = clock
        self.heartbeat_limit = heartbeat_limit
        self._lag = ReadLag()
        self._chance = random.Random(0)
        self.runs: dict[str, RunRecord] = {}
        self.alerts: list[RecordedAlert] = []
        self.clobbered: list[Clobbered] = []
        self.artifacts: dict[str, JsonObject] = {}
        self.client_ids: dict[str, str] = {}

    @property
    def read_lag(self) -> ReadLag:
        """How late readers see what was written."""
        return self._lag

    @read_lag.setter
    def read_lag(self, lag: ReadLag) -> None:
        """Applies to what is there already, too; the moments of later lines are drawn with its seed."""
        self._lag = lag
        self._chance = random.Random(lag.seed)

    def find(self, entity: str, project: str, name: str) -> RunRecord | None:
        """The run, after its heartbeat was judged; None where there is none."""
        run = self.runs.get(f"{entity}/{project}/{name}")
        if run is not None:
            self._judge_heartbeat(run)
        return run

    def find_by_storage_id(self, storage_id: str) -> RunRecord | None:
        """The run with this internal id, which the public API uses when it updates a run."""
        return next((run for run in self.runs.values() if run.storage_id == storage_id), None)

    def take_alert(self, alert: RecordedAlert, wait_s: float) -> None:
        """Keep an alert, unless the run had one with this title within the last `wait_s` seconds."""
        same = (a for a in self.alerts if (a.run, a.title) == (alert.run, alert.title))
        if all(alert.at - earlier.at >= wait_s for earlier in same):
            self.alerts.append(alert)

    def project_exists(self, entity: str, project: str) -> bool:
        """True where at least one run of the project exists."""
        return any(run.entity == entity and run.project == project for run in self.runs.values())

    def upsert(self, entity: str, project: str, name: str) -> tuple[RunRecord, bool]:
        """The run, created if it was missing, and whether it was."""
        found = self.find(entity, project, name)
        if found is not None:
            return found, False
        now = self.clock()
        run = RunRecord(entity, project, name, f"run-{len(self.runs) + 1}", now, display_name=name, heartbeat=now)
        run.become("running", now)
        self.runs[run.path] = run
        return run, True

    def stream(self, run: RunRecord, body: Variables, *, shared: bool) -> None:
        """Apply one file-stream post: history, summary, events, console lines, and the end of the run."""
        now = self.clock()
        run.heartbeat = now
        for name, chunk in (body.get("files") or {}).items():
            content: list[str] = chunk.get("content") or []
            offset = int(chunk.get("offset") or 0)
            if name == HISTORY_FILE:
                self._add_history(run, offset, [json.loads(line) for line in content], shared=shared)
            elif name == SUMMARY_FILE:
                for line in content:
                    self.summarize(run, json.loads(line))
            elif name == EVENTS_FILE:
                run.events.extend(content)
            else:
                run.logs.setdefault(name, []).extend(content)
        if body.get("complete"):
            run.exit_code = int(body.get("exitcode") or 0)
            run.become("finished" if run.exit_code == 0 else "failed", now)
        else:
            # Any post shows a living writer, which is how a session brings a finished run back to `running`.
            run.become("running", now)

    def page(self, run: RunRecord, low: int, high: int, keys: Sequence[str] = ()) -> Iterator[JsonObject]:
        """The visible rows with `low <= _step < high` that have all of `keys` (all their columns if none)."""
        for index in self._range(run, low, high):
            row = run.history[index]
            if all(key in row for key in keys):
                yield {key: row[key] for key in keys} if keys else row

    def summarize(self, run: RunRecord, summary: JsonObject) -> None:
        """Replace the run's summary."""
        now = self.clock()
        shown = [at for at, entry in enumerate(run.summaries) if self._is_shown(*entry[:2], now)]
        # What readers see until this one is shown stays, and what is still to be shown.
        run.summaries = [*run.summaries[shown[-1] if shown else 0 :], (now, self._chance.random(), summary)]
        run.summary = summary

    def shown_summary(self, run: RunRecord) -> JsonObject:
        """The summary that a reader sees."""
        if not self._lag.summary or not run.summaries:
            return run.summary
        now = self.clock()
        return next((kept for taken, chance, kept in reversed(run.summaries) if self._is_shown(taken, chance, now)), {})

    def visible(self, run: RunRecord) -> int:
        """How many history lines a reader is told that there are."""
        return sum(1 for _ in self._shown(run)) if self._lag.counts else len(run.history)

    def visible_last_step(self, run: RunRecord) -> int:
        """The `_step` of the newest line that a reader is told of, -1 where there is none."""
        if self._lag.most <= 0 or not self._lag.counts:
            return run.last_step
        return max((int(run.history[index]["_step"]) for index in self._shown(run)), default=-1)

    def _shown(self, run: RunRecord) -> Iterator[int]:
        """The lines that a reader sees."""
        now = self.clock()
        for index in range(len(run.history)):
            if self._is_shown(run.arrived[index], run.chances[index], now):
                yield index

    def _is_shown(self, taken: float, chance: float, now: float) -> bool:
        return self._lag.most <= 0 or self._lag.shown_at(taken, chance) <= now

    def _add_history(self, run: RunRecord, offset: int, rows: list[JsonObject], *, shared: bool) -> None:
        for place, row in enumerate(rows, start=offset):
            run.history_keys.update(row)
            if shared:
                self._append(run, {**row, "_step": run.last_step + 1})
            elif place < len(run.history):
                self._overwrite(run, place, row)
            else:
                self._append(run, row)

    def _append(self, run: RunRecord, row: JsonObject) -> None:
        step = int(row.setdefault("_step", run.last_step + 1))
        run.ordered = run.ordered and step >= run.last_step
        run.last_step = max(run.last_step, step)
        run.history.append(row)
        run.arrived.append(self.clock())
        run.chances.append(self._chance.random())

    def _overwrite(self, run: RunRecord, place: int, row: JsonObject) -> None:
        lost = run.history[place]
        # A client that got no answer sends the same lines again: that is a repetition, not a loss.
        if lost == row:
            return
        self.clobbered.append(Clobbered(run.path, place, lost, row))
        run.history[place] = row
        run.arrived[place], run.chances[place] = self.clock(), self._chance.random()
        run.ordered = False
        run.last_step = max(run.last_step, int(row.get("_step", -1)))

    def _range(self, run: RunRecord, low: int, high: int) -> Iterator[int]:
        """The visible lines of these steps; found without looking at the others where steps are in order."""
        first, last, now = 0, len(run.history), self.clock()
        if run.ordered:
            first = bisect_left(run.history, low, key=lambda row: int(row["_step"]))
            last = bisect_left(run.history, high, first, key=lambda row: int(row["_step"]))
        for index in range(first, last):
            if low <= int(run.history[index].get("_step", -1)) < high and self._is_shown(
                run.arrived[index], run.chances[index], now
            ):
                yield index

    def _judge_heartbeat(self, run: RunRecord) -> None:
        now = self.clock()
        if self.heartbeat_limit is not None and run.state == "running" and now - run.heartbeat > self.heartbeat_limit:
            run.become("crashed", now)
