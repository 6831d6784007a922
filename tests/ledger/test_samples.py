"""A sample that was kept is read field by field: what is damaged of it hides nothing else."""

from __future__ import annotations

import json

import pytest

import scorers
from watcher.ledger.samples import EvaluatedSample, StoredSample

SCORE = scorers.score_sample(scorers.Completion("<p>x</p>", source="p"))
SAMPLE = EvaluatedSample("p", 1, "a page", "<p>x</p>", 7, "stop", SCORE)


def test_a_sample_comes_back_as_it_was_kept() -> None:
    document = json.loads(json.dumps(SAMPLE.to_dict()))
    assert list(document) == ["prompt_id", "index", "prompt", "completion", "tokens", "finish_reason", "score"]
    stored = StoredSample(document)
    assert (stored.prompt_id, stored.prompt, stored.completion) == (SAMPLE.prompt_id, SAMPLE.prompt, SAMPLE.completion)
    assert (stored.finish_reason, stored.score, stored.lacking()) == ("stop", SCORE, [])
    assert stored.to_dict() is document


@pytest.mark.parametrize("score", [None, {}, [1], {**SCORE.to_dict(), "outcome": "good"}])
def test_damaged_measurements_leave_the_completion(score: object) -> None:
    stored = StoredSample({**SAMPLE.to_dict(), "score": score})
    assert (stored.completion, stored.lacking()) == ("<p>x</p>", [])
    with pytest.raises(scorers.SampleError):
        assert stored.score
    assert stored.scored(SCORE).score == SCORE


def test_what_an_earlier_version_did_not_keep_is_named_and_stays_away() -> None:
    stored = StoredSample({"prompt_id": "p", "completion": 3})
    assert stored.lacking() == ["completion", "finish_reason"]
    with pytest.raises(scorers.SampleError, match="`prompt`"):
        assert stored.prompt
    assert list(stored.scored(SCORE).to_dict()) == ["prompt_id", "completion", "score"]
