"""Whether samples look alike: copies, layouts with other words, different pages."""

import random
from dataclasses import replace

import pytest

from scorers import Completion, Language, Sample, aggregate, score_sample
from scorers.metrics.similarity import (
    MAX_COMPARED,
    SKETCH,
    average,
    distinct,
    fingerprint,
    nearest,
    shape,
    similarities,
    similarity,
    word_grams,
)

LAYOUTS = (
    "<header><nav><a>{0}</a><a>{1}</a></nav></header><main><h1>{2}</h1><p>{3}</p><button>{4}</button></main>",
    "<table><thead><tr><th>{0}</th><th>{1}</th></tr></thead><tbody><tr><td>{2}</td><td>{3}</td></tr></tbody></table>{4}",
    "<form><label>{0}</label><input><label>{1}</label><input><select><option>{2}</option></select>{3}{4}</form>",
)


def pages(layouts: tuple[str, ...], n: int) -> list[Sample]:
    rng = random.Random(0)
    texts = [
        layouts[i % len(layouts)].format(*("".join(rng.choices("abcdef", k=8)) for _ in range(5))) for i in range(n)
    ]
    return [score_sample(Completion(text, language=Language.HTML)) for text in texts]


def test_a_copy_is_found_whatever_its_white_space() -> None:
    codes = ["<p>a b</p>", "<p>a\n  b</p>\n", "<p>ab</p>"]
    assert [fingerprint(code) == fingerprint(codes[0]) for code in codes] == [True, True, False]
    samples = [score_sample(Completion(code, language=Language.HTML)) for code in codes]
    assert aggregate(samples)["eval/duplicate_share"] == pytest.approx(1 / 3)


def test_one_layout_with_other_words_is_seen_though_no_page_is_a_copy() -> None:
    metrics = aggregate(pages(LAYOUTS[:1], 6))
    assert metrics["eval/duplicate_share"] == 0
    assert metrics["eval/structure_similarity"] == metrics["eval/structure_nearest"] == 1


def test_templates_show_in_the_nearest_neighbor_and_not_in_the_mean() -> None:
    metrics = aggregate(pages(LAYOUTS, 9))
    assert metrics["eval/structure_nearest"] == 1
    assert metrics["eval/structure_similarity"] == pytest.approx(9 / 36)


def test_different_pages_are_not_alike() -> None:
    metrics = aggregate(pages(LAYOUTS, 3))
    assert metrics["eval/structure_similarity"] == metrics["eval/structure_nearest"] == 0


def test_samples_without_code_are_no_copies_of_each_other() -> None:
    metrics = aggregate([score_sample(Completion(text)) for text in ("", "", "no", "no")])
    assert metrics["eval/duplicate_share"] is None
    assert metrics["eval/structure_similarity"] is None


def test_a_page_shorter_than_a_gram_still_has_a_shape() -> None:
    assert shape(()) == ()
    assert len(shape(("p",))) == len(shape(("p", "b", "i"))) == len(shape(("p",) * 50)) == 1
    assert len(shape(("a", "b", "c", "d", "e", "f"))) == 2


def test_the_sketch_estimates_the_similarity_of_long_pages() -> None:
    rng = random.Random(1)
    hashes = rng.sample(range(2**32), 6_000)
    left, right = set(hashes[:4_000]), set(hashes[2_000:])
    exact = len(left & right) / len(left | right)
    estimate = similarity(sorted(left)[:SKETCH], sorted(right)[:SKETCH])
    assert estimate == pytest.approx(exact, abs=0.1)
    assert similarity(sorted(left)[:SKETCH], sorted(left)[:SKETCH]) == 1


def test_of_many_pages_a_spread_part_is_compared() -> None:
    shapes = [(1, 2)] * (MAX_COMPARED * 20) + [(3, 4)] * (MAX_COMPARED * 20)
    found = similarities(shapes, [str(i) for i in range(len(shapes))])
    assert found is not None
    means = [value for _, value in found.each(average)]
    assert sum(means) / MAX_COMPARED == pytest.approx(2 * (32 * 31 / 2) / (64 * 63 / 2))
    assert {value for _, value in found.each(nearest)} == {1}
    assert similarities([(1,), ()], ["a", "b"]) is None


def test_answers_to_one_prompt_may_be_alike() -> None:
    twins = [
        replace(page, prompt=f"p{i // 2}") for i, page in enumerate(pages((LAYOUTS[0], LAYOUTS[0], *LAYOUTS[1:]), 4))
    ]
    metrics = aggregate(twins)
    assert metrics["eval/structure_nearest"] == metrics["eval/lookalike_share"] == 0
    copies = [replace(page, prompt="p", fingerprint="same") for page in twins]
    assert aggregate(copies)["eval/duplicate_share"] is None
    assert aggregate([*copies, replace(copies[0], prompt="q")])["eval/duplicate_share"] == 0.5


def test_identical_samples_are_a_number() -> None:
    same = aggregate(pages(LAYOUTS[:1], 6))
    assert (same["eval/lookalike_share"], same["eval/lookalike_share_n"]) == (1, 6)
    assert aggregate(pages(LAYOUTS, 3))["eval/lookalike_share"] == 0
    assert aggregate(pages(LAYOUTS, 4))["eval/lookalike_share"] == 0.5


def test_distinct_4_falls_when_samples_say_the_same() -> None:
    rng = random.Random(3)
    texts = [" ".join(str(rng.randrange(10**6)) for _ in range(200)) for _ in range(12)]
    different = aggregate(score_sample(Completion(f"<p>{text}</p>", language=Language.HTML)) for text in texts)
    same = aggregate(score_sample(Completion(f"<p>{texts[0]}</p>", language=Language.HTML)) for _ in texts)
    assert different["eval/distinct_4"] == pytest.approx(1, abs=0.15)
    assert same["eval/distinct_4"] == pytest.approx(1 / 12, abs=0.01)


def test_the_sketches_estimate_the_number_of_distinct_grams() -> None:
    page = " ".join(f"<p class='p-{i % 40} m-{i % 7} w-{i % 11}'>Item {i % 900}</p>" for i in range(4_000))
    words = page.split()
    exact = len({tuple(words[i : i + 4]) for i in range(len(words) - 3)})
    count, sketch = word_grams(page)
    assert count == len(words) - 3
    assert len(sketch) == SKETCH
    assert distinct([sketch]) == pytest.approx(exact, rel=0.2)


def test_samples_stored_before_loops_were_looked_for_do_not_count() -> None:
    old = replace(pages(LAYOUTS, 1)[0], loops=None)
    assert (aggregate([old])["eval/repetition_share"], aggregate([old])["eval/repetition_share_n"]) == (None, 0)
