"""A row that was sent: when it is seen, unconfirmed or lost; and a model of all that may happen to it on its way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.outboxes import MemoryStore, train_row
from watcher.ledger.ledger import Ledger
from watcher.model import Alert, Reason, Row, Sending
from watcher.system import clock as clock_of_machine
from watcher.system.clock import steady_clock
from watcher.trackers.wandb import Outbox, PublishPlan, PublishResult
from watcher.trackers.wandb.proof import Look, Patience, RowStatus, judge

PATIENCE = Patience()
SENT = Sending(first_at=0.0, last_at=100.0, looks=1)
LATE = 100.0 + PATIENCE.seconds


def row(sent: Sending | None = SENT, uid: int = 1) -> Row:
    made = train_row(uid)
    return Row(made.uid, made.kind, made.step, made.values, mark=7, sent=sent)


def look(at: float = LATE, *, keyed: int = 0, paged: int | None = 0, lines: int = 3, last_step: int = 9) -> Look:
    return Look(at, 7, {"train-1": keyed}, None if paged is None else {"train-1": paged}, lines, last_step)


@pytest.mark.parametrize(
    ("what", "sent", "seen", "verdict"),
    [
        ("never sent", None, look(0.0, paged=None), RowStatus.LOST),
        ("shown by key", SENT, look(0.0, keyed=1), RowStatus.SEEN),
        ("shown by pages alone", SENT, look(paged=1), RowStatus.SEEN),
        ("both agree after all pauses", SENT, look(), RowStatus.LOST),
        ("both agree, a moment too soon", SENT, look(LATE - 0.1), RowStatus.UNCONFIRMED),
        ("only one way was read", SENT, look(paged=None), RowStatus.UNCONFIRMED),
        ("W&B tells of lines that the pages do not show", SENT, look(lines=0), RowStatus.UNCONFIRMED),
        ("nothing came after its mark", SENT, look(lines=0, last_step=6), RowStatus.LOST),
        ("the first look, however late", Sending(0.0, 100.0), look(LATE + 9999), RowStatus.UNCONFIRMED),
        ("sent again a moment ago", Sending(0.0, LATE - 1, 9), look(), RowStatus.UNCONFIRMED),
        ("sent by a clock that was ahead", Sending(0.0, LATE + 500, 9), look(), RowStatus.UNCONFIRMED),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_what_a_look_makes_of_a_row(what: str, sent: Sending | None, seen: Look, verdict: RowStatus) -> None:
    assert judge(row(sent), seen, PATIENCE) is verdict, what


def test_the_pauses_grow_to_more_than_ten_minutes() -> None:
    assert list(PATIENCE.pauses) == sorted(PATIENCE.pauses)
    assert PATIENCE.seconds > 600


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Wandb:
    """A run as W&B keeps it: `lines` are (uid, when it is shown). It takes rows, loses them, and shows them late."""

    clock: Clock
    fates: list[str]
    lags: list[float]
    lines: list[tuple[str, float]] = field(default_factory=list)
    sendings: list[tuple[str, float]] = field(default_factory=list)
    before_sending: float = 0.0

    def next_fate(self) -> str:
        return self.fates.pop(0) if self.fates else "arrives"

    def take(self, uid: str) -> None:
        lag = self.lags.pop(0) if self.lags else 0.0
        self.lines.append((uid, self.clock.now + lag))

    def shown(self) -> list[str]:
        return [uid for uid, at in self.lines if at <= self.clock.now]

    def publish(
        self,
        rows: Sequence[Row],
        alerts: Sequence[Alert],
        order: PublishPlan,
        on_mark: Callable[[Sequence[str], int], None],
    ) -> PublishResult:
        """A session, with the client's own judgement, and the fate that is its turn."""
        assert not alerts
        fate = self.next_fate()
        if fate == "unreachable":
            return PublishResult((), Reason.WANDB_UNREACHABLE)
        shown = self.shown()
        counts = {uid: shown.count(uid) for uid in shown}
        seen = Look(order.now, 0, counts, counts, len(shown), len(shown) - 1)
        verdicts = {row.uid: judge(row, seen, order.patience) for row in rows}
        due = [uid for uid, verdict in verdicts.items() if verdict is RowStatus.LOST]
        if due:
            on_mark(due, len(shown))
        if fate == "killed before" and due:
            raise KeyboardInterrupt
        unsent = due if fate == "refused" else []
        self.clock.now += self.before_sending if due else 0.0
        for number, uid in enumerate(due):
            if fate not in ("refused", "lost") and not (fate == "half" and number % 2):
                self.take(uid)
                self.sendings.append((uid, self.clock.now))
        self.clock.now += 3.0
        if fate == "killed after":
            raise KeyboardInterrupt
        found = [row.uid for row in rows if row.uid in set(self.shown())]
        absent = [row.uid for row in rows if row.uid not in {*found, *unsent}]
        waiting = Reason.NOT_DELIVERED if unsent else Reason.UNCONFIRMED if absent else None
        return PublishResult(tuple(found), waiting, absent=tuple(absent), unsent=tuple(unsent))


FATES = ("arrives", "lost", "half", "refused", "unreachable", "killed before", "killed after")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(FATES), max_size=12),
    st.lists(st.floats(0, PATIENCE.seconds - 10), max_size=40),
    st.lists(st.integers(1, 400), min_size=1, max_size=8),
)
def test_whatever_happens_each_row_is_in_the_run_once(fates: list[str], lags: list[float], arrivals: list[int]) -> None:
    clock = Clock()
    wandb = Wandb(clock, fates, lags)
    store = MemoryStore()
    outbox = Outbox(store, wandb, clock=clock, chance=lambda: 0.0)
    coming = [(1_000.0 + sum(arrivals[: number + 1]), train_row(number)) for number in range(len(arrivals))]
    for _ in range(60_000):
        store.rows.update({row.uid: row for at, row in coming if at <= clock.now and row.uid not in store.rows})
        try:
            outbox.step()
        except KeyboardInterrupt:
            # The next start knows what the store has committed, and no more.
            outbox = Outbox(store, wandb, clock=clock, chance=lambda: 0.0)
        if len(store.published) == len(coming):
            break
        clock.now += 1.0
    assert sorted(uid for uid, _ in wandb.lines) == sorted(row.uid for _, row in coming)
    assert sorted(store.published) == sorted(row.uid for _, row in coming)


@pytest.mark.parametrize("fate", ["lost", "killed before", "killed after"])
def test_an_honest_loss_is_sent_again_within_a_quarter_of_an_hour(fate: str) -> None:
    clock = Clock()
    wandb = Wandb(clock, [fate, "arrives"], [])
    store = MemoryStore([train_row(1)])
    while not store.published:
        outbox = Outbox(store, wandb, clock=clock, gather=0.0)
        try:
            while not store.published:
                outbox.step()
                clock.now += 1.0
        except KeyboardInterrupt:
            continue
    (_, at), *more = wandb.sendings
    assert not more
    assert at - 1_000.0 <= (900.0 if fate != "killed after" else 0.0)
    assert at - 1_000.0 >= (600.0 if fate != "killed after" else 0.0)


@pytest.mark.parametrize("fate", ["arrives", "killed after"])
def test_what_a_long_session_sends_at_its_end_is_waited_for_from_then_on(fate: str) -> None:
    clock = Clock()
    wandb = Wandb(clock, [fate], [PATIENCE.seconds - 10], before_sending=230.0)
    store = MemoryStore([train_row(1)])
    outbox = Outbox(store, wandb, clock=clock, gather=0.0)
    while not store.published:
        try:
            outbox.step()
        except KeyboardInterrupt:
            outbox = Outbox(store, wandb, clock=clock, gather=0.0)
        clock.now += 1.0
    assert len(wandb.sendings) == 1


def test_other_rows_go_on_while_one_is_unconfirmed() -> None:
    clock = Clock()
    wandb = Wandb(clock, [], [700.0])
    store = MemoryStore([train_row(1)])
    outbox = Outbox(store, wandb, clock=clock, gather=0.0)
    assert outbox.step().waiting is Reason.UNCONFIRMED
    store.rows["train-2"] = train_row(2)
    assert outbox.step().published == ("train-2",)
    assert store.waiting == {"train-1": Reason.UNCONFIRMED}
    assert not outbox.step().attempted
    looks = 0
    while not store.published[1:]:
        looks += outbox.step().attempted
        clock.now += 1.0
    assert (store.published, looks) == (["train-2", "train-1"], 6)


def test_a_start_looks_for_what_may_have_been_sent_before_it_sends_any_of_it() -> None:
    clock = Clock()
    wandb = Wandb(clock, ["killed after"], [5.0, 5.0])
    store = MemoryStore([train_row(1), train_row(2)])
    with pytest.raises(KeyboardInterrupt):
        Outbox(store, wandb, clock=clock, gather=0.0).step()
    clock.now += 3_600.0
    assert Outbox(store, wandb, clock=clock, gather=0.0).step().published == ("train-1", "train-2")
    assert len(wandb.sendings) == 2


def test_what_is_due_within_some_seconds_goes_into_one_session() -> None:
    clock = Clock()
    wandb = Wandb(clock, [], [])
    store = MemoryStore([train_row(1)])
    outbox = Outbox(store, wandb, clock=clock)
    sessions: list[tuple[str, ...]] = []
    for second in range(12):
        if second == 3:
            store.rows["train-2"] = train_row(2)
        report = outbox.step()
        if report.attempted:
            sessions.append(report.published)
        clock.now += 1.0
    assert sessions == [("train-1", "train-2")]
    store.rows["train-3"] = train_row(3)
    assert not outbox.ready
    outbox.hurry()
    assert outbox.step().published == ("train-3",)


def test_what_a_session_knows_not_to_be_sent_is_sent_again_at_once() -> None:
    clock = Clock()
    wandb = Wandb(clock, ["refused"], [])
    store = MemoryStore([train_row(1)])
    outbox = Outbox(store, wandb, clock=clock, gather=0.0, chance=lambda: 0.0)
    report = outbox.step()
    assert (report.waiting, report.next_attempt_in, store.rows["train-1"].sent) == (Reason.NOT_DELIVERED, 2.0, None)
    clock.now += 2.0
    assert outbox.step().published == ("train-1",)


@pytest.mark.parametrize("rebuilt", [False, True])
def test_after_a_lost_ledger_rows_wait_until_what_was_sent_before_it_has_shown(rebuilt: bool) -> None:
    clock = Clock()
    store = MemoryStore([train_row(1), train_row(2)])
    store.found, store.rebuilt = None, rebuilt
    orders: list[PublishPlan] = []

    class Lost:
        def publish(
            self,
            rows: Sequence[Row],
            _: Sequence[Alert],
            order: PublishPlan,
            on_mark: Callable[[Sequence[str], int], None],
        ) -> PublishResult:
            orders.append(order)
            assert callable(on_mark)
            return PublishResult((), Reason.UNCONFIRMED, absent=tuple(row.uid for row in rows))

    outbox = Outbox(store, Lost(), clock=clock, gather=0.0)
    while clock.now < 1_000.0 + PATIENCE.seconds + 60:
        outbox.step()
        clock.now += 1.0
    assert [order.survey for order in orders] == [True] * len(orders)
    assert [order.hold for order in orders] == [True] * 6 + [False] * (len(orders) - 6)
    assert [order.lost for order in orders] == [rebuilt] * 6 + [False] * (len(orders) - 6)


@pytest.mark.parametrize("shift", [-86_400.0, 3_600.0])
def test_a_clock_that_is_set_between_two_starts_shortens_no_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shift: float
) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite3")
    before = steady_clock(ledger)()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + shift)
    assert 0.0 <= steady_clock(ledger)() - before < 60.0
    # Another machine, or another boot, has nothing else to go by.
    monkeypatch.setattr(clock_of_machine, "boot_id", lambda: "another")
    assert steady_clock(ledger)() - before == pytest.approx(shift, abs=60.0)
    ledger.close()
