"""Which checkpoint is best, and what has changed, where the trainer has gone back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import scorers
from tests.test_ledger import begin, stage
from watcher.commands.comparison import best_of, compared_with
from watcher.ledger import Evaluation, Ledger
from watcher.model import Row, RowKind, UimonError

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
        {
            "prompt_id": str(i),
            "index": 0,
            "completion": page,
            "score": scorers.score_sample(scorers.Completion(page)).to_dict(),
        }
        for i, page in enumerate(pages)
    )
    evaluation = Evaluation(f"u{at}", step, "suite", {"eval/perplexity": 2.0}, samples, at)
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
