"""Which checkpoint is best, and what has changed, where the trainer has gone back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import scorers
from tests.ledger.test_ledger import begin, change_samples, stage
from watcher.alerts import Criterion, Episode, Rule
from watcher.ledger.ledger import Evaluation, Ledger
from watcher.ledger.samples import StoredSample
from watcher.model import AlertLevel, Row, RowKind, UimonError
from watcher.results.comparison import best_of, compared_with
from watcher.results.evidence import warnings_with_samples

GOOD, BAD = "<p class='p-4 text-red-500'>Hello</p>", "<p><div>"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "ledger.sqlite3")
    yield opened
    opened.close()


def evaluate(ledger: Ledger, step: int, valid: int, at: float) -> None:
    record = begin(ledger, stage(ledger, step, f"{at}", written=int(at)))
    pages = [GOOD] * valid + [BAD] * (16 - valid)
    samples = tuple(
        StoredSample(
            {
                "prompt_id": str(i),
                "index": 0,
                "completion": page,
                "score": scorers.score_sample(scorers.Completion(page)).to_dict(),
            }
        )
        for i, page in enumerate(pages)
    )
    evaluation = Evaluation(f"u{at}", step, "suite", {"eval/perplexity": 2.0, "eval/samples": 16}, samples, at)
    assert ledger.evaluated(record, evaluation, Row(f"u{at}", RowKind.EVAL, step, {}))


def test_nothing_is_best_or_compared_before_the_first_evaluation(ledger: Ledger) -> None:
    assert best_of(ledger) is None
    with pytest.raises(UimonError, match="Nothing is evaluated yet"):
        compared_with(ledger, "0")


def test_what_the_trainer_has_gone_back_from_is_neither_best_nor_newest(ledger: Ledger) -> None:
    for at, (step, valid) in enumerate(((100, 8), (500, 16), (100, 4), (200, 9)), start=1):
        evaluate(ledger, step, valid, float(at))
    best = best_of(ledger)
    assert best is not None
    assert best.step in (100, 200)
    assert 500 not in best.alike
    compared = compared_with(ledger, "100")
    assert (compared.step, compared.baseline) == (200, "step 100")
    validity = next(delta for delta in compared.deltas if delta.metric == "eval/syntax_validity_rate")
    assert (validity.before, validity.now) == (0.25, 9 / 16)
    with pytest.raises(UimonError, match="There is no evaluation of step 500; this run has: 100, 200"):
        compared_with(ledger, "500")
    with pytest.raises(UimonError, match="neither a step nor a state directory"):
        compared_with(ledger, "/nowhere")


EPISODE = Episode(
    "k", Rule.COLORS_COLLAPSED, AlertLevel.ERROR, 200, "title", "evidence", "", "", "cause", "fix", (0, 1), "u2.0"
)


def test_what_has_collapsed_is_not_best_while_the_error_lasts(ledger: Ledger) -> None:
    for at, (step, valid) in enumerate(((100, 9), (200, 16), (300, 16), (400, 10)), start=1):
        evaluate(ledger, step, valid, float(at))
    best = best_of(ledger)
    assert best is not None
    assert best.step == 200
    over = replace(EPISODE, cleared_step=400)
    ledger.episodes().settle([over], {})
    best = best_of(ledger)
    assert best is not None
    assert best.alike == (100, 400)
    assert "Left out: 2 from step 200 to 300 (colors_collapsed)." in best.sentence
    assert (by := best_of(ledger, (Criterion.DIVERSITY,))) is not None
    assert 200 not in by.alike


def test_an_error_that_the_trainer_went_back_from_or_that_is_not_watched_leaves_nothing_out(ledger: Ledger) -> None:
    for at, (step, valid) in enumerate(((100, 9), (200, 16)), start=1):
        evaluate(ledger, step, valid, float(at))
    ledger.episodes().settle([EPISODE], {})
    assert (best := best_of(ledger)) is not None
    assert best.step == 100
    ledger.episodes().settle([], {})
    assert (best := best_of(ledger)) is not None
    assert best.step == 200


def test_a_sample_that_cannot_be_read_is_not_shown_and_hides_no_other(ledger: Ledger) -> None:
    evaluate(ledger, 100, 9, 1.0)
    evaluate(ledger, 200, 9, 2.0)
    ledger.episodes().settle([EPISODE], {})

    def spoil(samples: list[Any]) -> list[Any]:
        return [samples[0] | {"score": {}}, *(sample | {"prompt": "a  page\n" * 30} for sample in samples[1:])]

    change_samples(ledger, "u2.0", spoil)
    [warning] = warnings_with_samples(ledger)
    assert [shown.split(",")[0] for shown in warning.shown or ()] == ["Sample 1 of step 200"]
    assert warning.shown is not None
    assert "“a page a page" in warning.shown[0]
    assert "…”: red-500" in warning.shown[0]
