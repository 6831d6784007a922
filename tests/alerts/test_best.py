"""The best checkpoint and the comparison with a baseline."""

from __future__ import annotations

import pytest

from tests.alerts.making import N, entry, page
from watcher.alerts import Criterion, best, compare


def test_checkpoints_that_cannot_be_told_apart_are_named_together() -> None:
    run = [entry(250, bad=range(20)), *[entry(step, bad=[step % 7], perplexity=3.0) for step in (300, 350, 400)]]
    found = best(run)
    assert found is not None
    assert (found.step, found.alike, found.uid) == (300, (300, 350, 400), "uid-300")
    assert "Steps 300, 350 and 400 cannot be told apart statistically" in found.sentence


def test_validity_decides_before_perplexity_unless_the_order_says_otherwise() -> None:
    run = [entry(100, bad=range(20), perplexity=2.0), entry(200, perplexity=3.0), entry(300, perplexity=2.5)]
    assert [found.step for found in (best(run), best(run, [Criterion.PERPLEXITY])) if found] == [300, 100]


def test_diversity_decides_where_nothing_else_does() -> None:
    blue = [page(i, 100, hue="blue") for i in range(N)]
    found = best([entry(100, blue, perplexity=3.0), entry(200, perplexity=3.01)])
    assert found is not None
    assert found.alike == (200,)


def test_a_collapsed_checkpoint_is_best_only_where_there_is_no_other() -> None:
    run = [entry(100, bad=range(5)), entry(200)]
    found = best(run, collapsed={200: "colors_collapsed"})
    assert found is not None
    assert found.step == 100
    assert "Left out: step 200 (colors_collapsed)." in found.sentence
    everywhere = best(run, collapsed={100: "samples_alike", 200: "colors_collapsed"})
    assert everywhere is not None
    assert "Left out" not in everywhere.sentence


def test_of_no_checkpoint_none_is_best() -> None:
    assert best([]) is None
    only = best([entry(100)])
    assert only is not None
    assert only.alike == (100,)


def test_the_same_prompts_are_compared_pair_by_pair() -> None:
    before = entry(0, [page(i, 0, hue="blue") for i in range(N)], perplexity=9.0)
    deltas = {delta.metric: delta for delta in compare(entry(300, perplexity=3.0, bad=[1]), before)}
    entropy = deltas["eval/color_entropy"]
    assert entropy.clear
    assert entropy.paired
    assert entropy.low is not None
    assert 0 < entropy.low < entropy.change
    assert not deltas["eval/syntax_validity_rate"].clear
    assert deltas["eval/perplexity"].change == pytest.approx(-6)
    assert deltas["eval/perplexity"].clear is None


def test_pairing_tells_more_than_two_separate_sets() -> None:
    before, now = entry(0, bad=range(30)), entry(300, bad=range(20))
    other = entry(300, [page(i, 300) for i in range(N + 1)], bad=())
    paired = compare(now, before)[0]
    assert paired.paired
    assert paired.clear
    assert not compare(other, before)[0].paired
    assert paired.low == pytest.approx(0.0554, abs=1e-4)  # Bonett and Price: 10 better, 0 worse of 64
