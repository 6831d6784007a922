"""What is stored of a run beside the ledger, and how long."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.ledger.test_rebuild import LIMITS, RUN, evaluate, facts, uid_of
from tests.support.ledgers import due_evaluations
from watcher.alerts.stored import summary_of
from watcher.cli.status import run_status
from watcher.evaluation.plugins import named_theme
from watcher.evaluation.rescoring import Fate, Rescorer
from watcher.ledger.export import Exporter, parse_keep
from watcher.ledger.ledger import Ledger
from watcher.ledger.rebuild import open_ledger
from watcher.ledger.state_dir import StateDir
from watcher.model import Reason, Row, RowKind, UimonError

STEPS = (10, 20, 30, 40, 50)


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    return StateDir(tmp_path)


@pytest.fixture
def ledger(state: StateDir) -> Iterator[Ledger]:
    with closing(Ledger(state.ledger)) as opened:
        opened.remember("run", RUN)
        yield opened


def train(ledger: Ledger, exporter: Exporter, steps: tuple[int, ...] = STEPS) -> None:
    for step in steps:
        evaluate(ledger, step, f"digest {step}")
        exporter.export()


def uid(step: int) -> str:
    return uid_of(step, f"digest {step}")


def lines(path: Path) -> list[str]:
    """The uid of each line."""
    return [json.loads(line)["uid"] for line in path.read_text().splitlines()]


@pytest.mark.parametrize(("keep", "kept"), [(None, STEPS), (2, (40, 50)), (1, (50,)), (9, STEPS), (0, ())])
def test_the_newest_samples_are_kept_and_every_figure_and_row(
    state: StateDir, ledger: Ledger, keep: int | None, kept: tuple[int, ...]
) -> None:
    train(ledger, Exporter(ledger, state, keep))
    assert [uid for uid, _ in ledger.with_samples()] == [uid(step) for step in kept]
    assert [ledger.are_dropped(uid(step)) for step in STEPS] == [step not in kept for step in STEPS]
    assert lines(state.evaluations) == [uid(step) for step in STEPS]
    # The file may hold as many again, so that it is not written anew each time.
    left = lines(state.samples)
    assert left[len(left) - len(kept) :] == [uid(step) for step in kept]
    assert len(left) <= max(2 * len(kept), 1)
    assert len(due_evaluations(ledger)) == len(STEPS)


def test_another_policy_at_the_next_start_drops_what_was_kept(state: StateDir, ledger: Ledger) -> None:
    train(ledger, Exporter(ledger, state))
    Exporter(ledger, state, 1).export()
    assert lines(state.samples) == [uid(50)]
    assert [uid for uid, _ in ledger.with_samples()] == [uid(50)]


def test_a_start_takes_dropped_samples_for_no_damage(state: StateDir, ledger: Ledger) -> None:
    train(ledger, Exporter(ledger, state, 1))
    ledger.close()
    with closing(open_ledger(state, RUN, LIMITS, pytest.fail)) as again:
        assert [count for *_, count in facts(again)] == [0, 0, 0, 0, 1]


def test_what_was_not_kept_cannot_be_scored_anew_and_that_is_said(state: StateDir, ledger: Ledger) -> None:
    train(ledger, Exporter(ledger, state, 1), (10, 20))
    found = list(Rescorer(ledger, (), named_theme(["shadcn"]), LIMITS, lambda _: None).rescore(10))
    assert [(one.fate, one.reason) for one in found] == [(Fate.FAILED, Reason.SAMPLES_MISSING)]
    assert "its samples were not kept (--keep-samples)" in found[0].detail


@pytest.mark.parametrize("text", ["", "last", "last:0", "last:-1", "last:x", "last:" + "9" * 5000, "ALL", "first:2"])
def test_a_policy_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UimonError, match="--keep-samples cannot be") as caught:
        parse_keep(text)
    assert caught.value.reason is Reason.CONFIG_INVALID


def test_lines_that_a_crash_left_unmarked_are_not_written_twice(state: StateDir, ledger: Ledger) -> None:
    train(ledger, Exporter(ledger, state), (10, 20))
    evaluate(ledger, 30, "digest 30")
    lost = ledger.mark_exported
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ledger, "mark_exported", stopped)
        with pytest.raises(KeyboardInterrupt):
            Exporter(ledger, state).export()
    assert ledger.mark_exported == lost
    assert Exporter(ledger, state).export() == 1
    assert lines(state.samples) == lines(state.evaluations) == [uid(step) for step in (10, 20, 30)]


def stopped(uid: str) -> None:
    raise KeyboardInterrupt(uid)


def test_answers_take_a_fraction_of_their_size_in_the_ledger(state: StateDir, ledger: Ledger) -> None:
    page = "".join(f'<div class="p-{i % 9} bg-blue-{i % 9}00">{i}</div>\n' for i in range(400))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("tests.ledger.test_rebuild.COMPLETION", page)
        train(ledger, Exporter(ledger, state), (10,))
    ((_, stored),) = ledger.with_samples()
    assert stored < state.samples.stat().st_size / 4
    assert ledger.samples(uid(10))[0].completion == page


def test_what_is_scored_anew_takes_no_place_of_what_was_drawn(state: StateDir, ledger: Ledger) -> None:
    train(ledger, Exporter(ledger, state), STEPS[:3])
    for old in ledger.evaluations():
        anew = replace(old, uid=f"anew {old.uid}", origin=old.uid, samples=ledger.samples(old.uid))
        assert ledger.rescored_as(anew, Row(anew.uid, RowKind.EVAL, anew.step, {}), summary_of(anew))
    Exporter(ledger, state, 2).export()
    made = {evaluation.uid: evaluation for evaluation in ledger.evaluations()}
    assert [(made[uid].step, bool(made[uid].origin)) for uid, _ in ledger.with_samples()] == [
        (20, False),
        (30, False),
        (20, True),
        (30, True),
    ]


def test_status_shows_no_figure_that_is_not_what_was_written(
    state: StateDir, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    train(ledger, Exporter(ledger, state), (10,))
    ledger.close()
    assert run_status(None, state.root, as_json=True) == 0
    shown = json.loads(capsys.readouterr().out)["stored"]
    assert (shown["evaluations"], shown["with_answers"]) == (1, 1)
    assert shown["jsonl_bytes"] == state.samples.stat().st_size + state.evaluations.stat().st_size
    state.ledger.write_bytes(state.ledger.read_bytes().replace(b'"eval/perplexity": 3.0', b'"eval/perplexity": 4.0'))
    with pytest.raises(UimonError, match="`uimon watch` rebuilds it") as caught:
        run_status(None, state.root, as_json=True)
    assert caught.value.reason is Reason.LEDGER_DAMAGED
