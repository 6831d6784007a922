"""Who publishes: a model of several uimons over W&B's one mark, with requests that take their time, kills and ends."""

from __future__ import annotations

import heapq
import itertools
import random
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.outboxes import eval_row
from watcher.model import Alert, AlertLevel, Reason, Row, Target
from watcher.trackers.wandb import Claim, ClaimedPublisher, PublishPlan, PublishResult, publisher_id
from watcher.trackers.wandb.claim import Mark, Move, Pauses, Seen, next_mark

PAUSES = Pauses(write=10, lag_of_marks=5, lag=60, session=40, beat=30)


@dataclass
class Wandb:
    """The mark, as it is at each moment of a common time that nobody but this model knows."""

    made: bool = False
    mark: Mark = field(default_factory=Mark)
    sessions: list[tuple[float, float, str]] = field(default_factory=list)
    given_back: list[float] = field(default_factory=list)


class Uimon:
    """One uimon. Its requests are read at once, written after some seconds, and answered when they are written."""

    def __init__(self, name: str, model: Model) -> None:
        self.name = name
        self._model = model
        self.now = model.now
        self.claim = Claim(name, self._move, PAUSES, clock=lambda: self.now)

    def act(self) -> float:
        """One look of the publisher's, by its claim; the seconds until the next one."""
        self.now = self._model.now
        if not self.claim.held:
            again = self.claim.contend()
            return (self.now - self._model.now) + (0.5 if self.claim.held else min(again, 20) + 0.1)
        self._session()
        return (self.now - self._model.now) + self._model.chance.choice([0.5, 5, 50, 200])

    def _session(self) -> None:
        wandb, began = self._model.wandb, self.now
        made = not wandb.made
        wandb.made = True
        beat = Mark(self.name, "h", 1, free=False) if made else next_mark(wandb.mark, Move(self.name, 10), "h")
        if beat is None:
            self.claim.lost()
            return
        self._write(beat)
        if made and self.now - began > PAUSES.write:
            self._write(Mark(self.name, "h", 0, free=False))
            self.claim.lost()
            return
        self.now = max(self.now, began + self._model.chance.uniform(1, PAUSES.session))
        wandb.sessions.append((began, self.now, self.name))
        self.claim.beaten()

    def _move(self, move: Move) -> Seen | None:
        wandb, began = self._model.wandb, self.now
        if not wandb.made:
            return None
        wanted = next_mark(wandb.mark, move, "h")
        if wanted is None:
            return Seen(wandb.mark)
        self._write(wanted)
        if move.release:
            wandb.given_back.append(self.now)
        return Seen(wanted, late=self.now - began > move.write)

    def _write(self, mark: Mark) -> None:
        takes = self._model.chance.choice([0.1, 1, 9, 14])
        self._model.at(self.now + takes, lambda: setattr(self._model.wandb, "mark", mark))
        self.now += takes


class Model:
    """Everything happens in one order; `chance` decides how long it takes and who is killed."""

    def __init__(self, seed: int, names: Sequence[str]) -> None:
        self.now = 0.0
        self.chance = random.Random(seed)
        self.wandb = Wandb()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        for name in names:
            self._start(name, self.chance.choice([0, 0.5, 30]))

    def at(self, moment: float, what: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (moment, self._count, what))

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] < until:
            self.now, _, what = heapq.heappop(self._events)
            what()

    def _start(self, name: str, after: float) -> None:
        self.at(self.now + after, lambda: self._act(Uimon(name, self)))

    def _act(self, uimon: Uimon) -> None:
        fate = self.chance.random()
        if fate < 0.03:
            # Killed, and started again by its supervisor, or never.
            self._start(uimon.name, self.chance.choice([1, 60, 2000]))
            return
        if fate < 0.06:
            uimon.now = self.now
            uimon.claim.release()
            self._start(uimon.name, uimon.now - self.now + self.chance.choice([1, 60, 2000]))
            return
        self.at(self.now + uimon.act(), lambda: self._act(uimon))


def publish_in_turn(seeds: Iterable[int]) -> None:
    for seed in seeds:
        test_no_two_uimons_publish_at_once_and_none_before_the_others_rows_are_shown(seed)


@pytest.mark.parametrize("seed", range(40))
def test_no_two_uimons_publish_at_once_and_none_before_the_others_rows_are_shown(seed: int) -> None:
    model = Model(seed, ["a", "b", "c"])
    model.run(20_000)
    sessions = sorted(model.wandb.sessions)
    assert len(sessions) > 20
    for (_, end, earlier), (start, _, later) in itertools.pairwise(sessions):
        if earlier != later:
            given_back = any(end <= moment <= start + PAUSES.write for moment in model.wandb.given_back)
            assert start >= end + (0 if given_back else PAUSES.lag), (earlier, end, later, start)


def test_model_notices_a_claim_that_waits_too_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pauses, "short", property(lambda _: 0.0))
    monkeypatch.setattr(Pauses, "long", property(lambda _: 0.0))
    with pytest.raises(AssertionError):
        publish_in_turn(range(40))


def test_every_uimon_comes_to_publish_when_the_others_are_gone() -> None:
    wandb = Wandb(made=True, mark=Mark("gone", "far", 7, free=False))
    now = 0.0

    def move(move: Move) -> Seen:
        wandb.mark = next_mark(wandb.mark, move, "h") or wandb.mark
        return Seen(wandb.mark)

    claim = Claim("a", move, PAUSES, clock=lambda: now)
    claim.lost()
    while not claim.held:
        now += max(claim.contend(), 0.1)
    assert PAUSES.quiet + PAUSES.long <= now < PAUSES.quiet + PAUSES.long + PAUSES.beat
    claim.release()
    other = Claim("b", move, PAUSES, clock=lambda: now)
    other.lost()
    since = now
    while not other.held:
        now += max(other.contend(), 0.1)
    assert PAUSES.short <= now - since < PAUSES.short + 1


@dataclass
class Run:
    """A publisher that finds in the run what is in `there`, and sends only with a claim."""

    there: set[str] = field(default_factory=set)
    orders: list[PublishPlan] = field(default_factory=list)
    refuse: bool = False

    def publish(
        self,
        rows: Sequence[Row],
        alerts: Sequence[Alert],
        order: PublishPlan,
        on_mark: Callable[[Sequence[str], int], None],
    ) -> PublishResult:
        self.orders.append(order)
        if order.look:
            seen = tuple(row.uid for row in rows if row.uid in self.there)
            return PublishResult(seen, Reason.OTHER_PUBLISHER if len(seen) < len(rows) else None)
        if self.refuse:
            return PublishResult((), Reason.OTHER_PUBLISHER, "not yours")
        found = tuple(self.there) if order.survey else None
        return PublishResult(tuple(row.uid for row in rows), claimed=True, found=found)


def test_rows_of_another_uimon_count_as_delivered_and_it_is_named() -> None:
    run = Run({"eval-10"}, refuse=True)
    wandb = [Mark("b", "gpu-7", 3, free=False)]
    publisher = ClaimedPublisher(run, Claim("a", lambda _: Seen(wandb[0]), PAUSES, clock=lambda: 0.0))
    alerts: list[Alert] = []
    first = publisher.publish([eval_row(10), eval_row(20)], alerts, PublishPlan(), lambda uids, mark: None)
    assert (first.waiting, first.delivered) == (Reason.OTHER_PUBLISHER, ())
    second = publisher.publish([eval_row(10), eval_row(20)], alerts, PublishPlan(), lambda uids, mark: None)
    assert (second.waiting, second.delivered) == (Reason.OTHER_PUBLISHER, ("eval-10",))
    assert "uimon (b on host gpu-7)" in second.detail
    assert "takes over after 3 min 30 s of its silence" in second.detail
    assert run.orders[-1].look
    companion = publisher.publish([eval_row(10)], alerts, PublishPlan(Target.COMPANION), lambda uids, mark: None)
    assert (companion.waiting, len(run.orders)) == (Reason.OTHER_PUBLISHER, 2)
    # Its own alerts are raised by the one that publishes, which has the same.
    alone = publisher.publish([], [Alert("k", AlertLevel.WARN, "t", "x")], PublishPlan(), lambda uids, mark: None)
    assert (alone.waiting, alone.alerted, len(run.orders)) == (Reason.OTHER_PUBLISHER, (), 2)
    wandb[0] = Mark("a", "here", 1, free=False)
    publisher.claim.contend()
    run.refuse = False
    new = PublishPlan(survey=True, hold=True)
    assert publisher.publish([eval_row(20)], alerts, new, lambda uids, mark: None).found == ("eval-10",)
    # What the other one has sent has shown by now.
    assert not run.orders[-1].hold
    assert [order.survey for order in run.orders] == [False, False, True]
    publisher.publish([eval_row(30)], alerts, PublishPlan(), lambda uids, mark: None)
    assert not run.orders[-1].survey


def test_idle_uimon_shows_a_sign_of_life_now_and_then() -> None:
    moves: list[Move] = []
    now = 0.0

    def move(move: Move) -> Seen:
        moves.append(move)
        return Seen(Mark("a", "h", len(moves) + 1, free=False))

    claim = Claim("a", move, PAUSES, clock=lambda: now)
    claim.beaten()
    for moment in (10.0, 29.0, 31.0, 40.0, 62.0):
        now = moment
        claim.tend()
    assert len(moves) == 2


@pytest.mark.parametrize("theirs", [False, True])
def test_idle_uimon_takes_a_mark_that_was_given_back_before_its_first_row_is_due(theirs: bool) -> None:
    mark = Mark("b" if theirs else "", "h", 5)
    now, moves = 0.0, 0

    def move(move: Move) -> Seen:
        nonlocal mark, moves
        moves += 1
        mark = next_mark(mark, move, "h") or mark
        return Seen(mark)

    claim = Claim("a", move, PAUSES, clock=lambda: now)
    while now < 100.0:
        claim.tend()
        now += 1.0
        if now < PAUSES.short:
            assert mark.beats != 1
    # One look tells that another one has it: that one is not asked after before a row is due.
    assert (claim.held, moves == 1) == (not theirs, theirs)


def test_idle_uimon_asks_once_for_a_mark_that_nobody_has_made() -> None:
    moves: list[Move] = []
    claim = Claim("a", lambda move: moves.append(move), PAUSES)
    for _ in range(3):
        claim.tend()
    assert (len(moves), claim.held) == (1, True)


def test_id_outlives_the_ledger_and_another_mode_and_not_a_copy_of_the_directory(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    mine = publisher_id(state)
    assert mine == publisher_id(state)
    assert (state / "publisher").stat().st_mode & 0o777 == 0o600
    copy = shutil.copytree(state, tmp_path / "copy")
    assert (copy / "publisher").read_text() == (state / "publisher").read_text()
    assert publisher_id(copy) != mine
    # As a volume's owner and group are set when it is mounted.
    (state / "publisher").chmod(0o660)
    state.rename(tmp_path / "moved")
    assert publisher_id(tmp_path / "moved") == mine
