"""A start over what an earlier one has evaluated reads what has changed, and finds what it would find from scratch."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scorers.sample import Outcome
from tests.alerts.making import made, page
from tests.support.checkpoint_files import write_checkpoint
from tests.support.house import House
from watcher.alerts import AlertSettings, History
from watcher.alerts.stored import VERSION, EntryError, packed, summary_of, unpacked, whole_entry
from watcher.checkpoints import inspect
from watcher.checkpoints.sources import local as sources
from watcher.ledger.ledger import Evaluation, Ledger
from watcher.model import Row, RowKind
from watcher.service import ingest
from watcher.service.history import Hurried, LedgerHistory

MANY = 12


def save(root: Path, number: int, *, value: int = 0, kept: int = 1000) -> Path:
    """A checkpoint with the log of all steps up to its own, as trainers leave it."""
    path = write_checkpoint(root, 50 * number, value=value, max_steps=10_000)
    log = [{"step": 50 * k, "loss": 2.0 + 1 / k, "epoch": k / 10} for k in range(1, number + 1)][-kept:]
    state = {"global_step": 50 * number, "max_steps": 10_000, "log_history": log}
    (path / "trainer_state.json").write_text(json.dumps(state))
    return path


def counting(monkeypatch: pytest.MonkeyPatch, place: object, name: str) -> list[Any]:
    """The first arguments of the calls of a function from now on."""
    calls: list[Any] = []
    before: Callable[..., Any] = getattr(place, name)

    def counted(*args: Any, **named: Any) -> Any:
        calls.append(args)
        return before(*args, **named)

    monkeypatch.setattr(place, name, counted)
    return calls


@pytest.fixture
def restarted(house: House, monkeypatch: pytest.MonkeyPatch) -> tuple[House, list[Any], list[Any]]:
    """A house with checkpoints that were evaluated, before another start: it, and what is read from then on."""
    for number in range(1, MANY + 1):
        save(house.root, number)
    house.service(once=True).run()
    assert {state for _, state, _ in house.states()} == {"published"}
    return house, counting(monkeypatch, Ledger, "samples"), counting(monkeypatch, sources, "inspect")


def test_a_start_reads_no_stored_sample_and_the_longest_log_alone(
    restarted: tuple[House, list[Any], list[Any]],
) -> None:
    house, samples, inspected = restarted
    house.service(once=True).run()
    assert samples == []
    assert [path.name for path, *_ in inspected] == [f"checkpoint-{50 * MANY}"]
    assert len(house.engine.loaded) == MANY
    save(house.root, MANY + 1)
    house.service(once=True).run()
    assert len(house.engine.loaded) == MANY + 1
    # The exporter writes those of the new one.
    assert len({uid for _, uid in samples}) == 1


def test_a_first_look_that_is_cut_short_keeps_what_it_has_read(
    restarted: tuple[House, list[Any], list[Any]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    house, _, _ = restarted
    with house.ledger.change() as db:
        db.execute("DELETE FROM sighting")
    monkeypatch.setattr(ingest, "_KEPT_TOGETHER", 3)
    left = iter(range(8))

    def cut_short(*args: Any, **named: Any) -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return inspect(*args, **named)

    monkeypatch.setattr(sources, "inspect", cut_short)
    service = house.service(once=True)
    house.wandb.asked.set()
    with pytest.raises(KeyboardInterrupt), caplog.at_level("INFO", logger="uimon"):
        service._ingest.step()
    assert len(house.ledger.sightings().evaluated()) == 6
    assert caplog.text.count("uimon reads the logs of many checkpoints") == 1


def test_what_was_written_over_while_nobody_watched_is_evaluated(
    restarted: tuple[House, list[Any], list[Any]],
) -> None:
    house, _, _ = restarted
    save(house.root, 3, value=1)
    house.service(once=True).run()
    assert len(house.engine.loaded) == MANY + 1


def test_where_the_longest_log_is_no_whole_one_the_others_are_read(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, MANY + 1):
        save(house.root, number, kept=4)  # as loggers leave it that keep their last lines
    house.service(once=True).run()
    inspected = counting(monkeypatch, sources, "inspect")
    house.service(once=True).run()
    assert {path.name for path, *_ in inspected} == {f"checkpoint-{50 * number}" for number in range(1, MANY + 1)}
    assert len(house.engine.loaded) == MANY


def test_another_training_is_told_by_logs_that_were_not_read_again(
    restarted: tuple[House, list[Any], list[Any]],
) -> None:
    house, _, inspected = restarted
    path = write_checkpoint(house.root, 50 * (MANY + 1), max_steps=10_000)
    log = [{"step": 50 * k, "loss": 9.0 + 1 / k, "epoch": k / 10} for k in range(1, MANY + 2)]
    state = {"global_step": 50 * (MANY + 1), "max_steps": 10_000, "log_history": log}
    (path / "trainer_state.json").write_text(json.dumps(state))
    old = house.root / "checkpoint-50" / "model.safetensors"
    for file in path.iterdir():
        os.utime(file, (old.stat().st_mtime - 5000,) * 2)
    house.service(once=True).run()
    assert house.states()[-1][1:] == ("skipped", "earlier_run")
    assert len(inspected) <= 3


@cache
def drawn(kind: int, suite: str) -> Evaluation:
    """An evaluation of eight pages."""
    pages = [page(i, kind, Outcome.VALID if i != kind else Outcome.INVALID, classes=30 + kind) for i in range(8)]
    body = made(50, pages)
    metrics = {"eval/samples": 8.0, "eval/perplexity": 3.0 + kind}
    return Evaluation("", 50, suite, metrics, tuple(body.samples), 0.0)


@st.composite
def ledgers(draw: st.DrawFn) -> list[tuple[Evaluation, bool]]:
    """Evaluations in the order in which they come, and whether each one is read before the next."""
    found: list[tuple[Evaluation, bool]] = []
    for number in range(draw(st.integers(1, 12))):
        origins = [e for e, _ in found if not e.origin]
        suite = draw(st.sampled_from(("a", "a", "a", "b")))
        body = drawn(draw(st.integers(0, 5)), suite)
        step, at, origin = draw(st.integers(1, 6)) * 50, 100.0 * number, ""
        if origins and draw(st.integers(0, 3)) == 0:
            first = draw(st.sampled_from(origins))
            step, at, origin, body = first.step, first.at, first.uid, replace(body, suite="c")
        made_of = replace(
            body, uid=f"u{number}", step=step, at=at, name=f"checkpoint-{step}", digest=f"d{number}",
            seen_at=draw(st.sampled_from((at, at + 1, 0.0))), origin=origin,
        )  # fmt: skip
        found.append((made_of, draw(st.booleans())))
    return found


def entries(history: History) -> list[Any]:
    return sorted(history.entries, key=lambda entry: entry.uid)


@given(ledgers())
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_stored_is_what_the_samples_say(made_of: list[tuple[Evaluation, bool]]) -> None:
    place = Path(tempfile.mkdtemp())
    ledger = Ledger(place / "ledger.sqlite3", clock=lambda: 5.0)
    try:
        growing = LedgerHistory(ledger, clock=lambda: 5.0)
        for evaluation, read in made_of:
            ledger.restore(evaluation, Row(evaluation.uid, RowKind.EVAL, evaluation.step, {}))
            if read:
                growing.read(ended=True)
        grown = growing.read(ended=True)
        assert ledger.summaries().lacking(VERSION) == 0
        stored = LedgerHistory(ledger, clock=lambda: 5.0).read(ended=True)
        with ledger.change() as db:
            db.execute("UPDATE summary SET version = 'older'")
        anew = LedgerHistory(ledger, clock=lambda: 5.0).read(ended=True)
        assert entries(grown) == entries(stored) == entries(anew)
        assert ledger.summaries().lacking(VERSION) == 0
    finally:
        ledger.close()
        shutil.rmtree(place)


def test_a_stored_entry_is_read_back_as_it_was_and_a_damaged_one_is_not_read() -> None:
    evaluation = replace(drawn(2, "a"), uid="u", at=7.0)
    summary = summary_of(evaluation)
    assert summary is not None
    assert unpacked(summary.body, evaluation, evaluation.metrics) == whole_entry(evaluation)
    assert packed(whole_entry(evaluation)) == summary.body
    for place in range(len(summary.body)):
        damaged = bytearray(summary.body)
        damaged[place] ^= 0x10
        # A bit between the compressed data and their checksum is nobody's.
        with suppress(EntryError):
            assert unpacked(bytes(damaged), evaluation, evaluation.metrics) == whole_entry(evaluation)


def test_whoever_stops_the_service_does_not_wait_for_samples_to_be_read_once_more(
    restarted: tuple[House, list[Any], list[Any]],
) -> None:
    house, samples, _ = restarted
    with house.ledger.change() as db:
        db.execute("DELETE FROM summary")
    history = LedgerHistory(house.ledger, settings=AlertSettings())
    with pytest.raises(Hurried):
        history.read(ended=True, hurry=lambda: len(samples) >= 3)
    assert len(samples) == 3
    assert len(history.read(ended=True).entries) == MANY
    assert len(samples) == MANY
