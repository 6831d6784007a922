"""Scoring: beside html5lib with Beautiful Soup, from 1 KB to 10 MB, with all cores, and what the intervals take."""

from __future__ import annotations

import importlib.util
import os
import random
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

import scorers
from scorers.language import LANGUAGES
from scorers.measures.classes import count_classes
from scorers.measures.colors import count_colors
from scorers.measures.repetition import ends_in_loop
from scorers.metrics.resampling import REPLICATES
from scorers.metrics.similarity import fingerprint, shape, word_grams
from scorers.page import Page, make_page
from tests.pages import html_page

_PAGES = 200
_ROUNDS = 5
_SIZES = (1, 4, 16, 64, 256, 1024, 4096, 10240)
_COLORS = ("blue", "teal", "rose", "amber", "slate", "violet")


def _card(chance: random.Random, number: int) -> str:
    color, shade = chance.choice(_COLORS), chance.choice((50, 500, 900))
    return (
        f'<div class="rounded-lg bg-{color}-{shade} p-{chance.randint(1, 8)} hover:shadow-lg" style="color: #0f172a">\n'
        f'  <h2 class="text-xl font-bold text-white">Card {number}</h2>\n'
        f'  <p class="mt-{chance.randint(1, 9)} text-gray-600">Words about {chance.random():.6f}.</p>\n'
        '  <img src="a.png" alt="A picture"><button class="btn w-full md:w-1/2 text-[#e11d48]">Go</button>\n</div>\n'
    )


def _page(seed: int, kib: float = 4) -> str:
    chance = random.Random(seed)
    head = "<!DOCTYPE html><html><head><title>t</title><style>:root{--brand: #2563eb}</style></head><body>\n"
    parts, size, number = [head], len(head), 0
    while size < kib * 1024 - 200:
        parts.append(_card(chance, number))
        size, number = size + len(parts[-1]), number + 1
    return "".join([*parts, "</body></html>"])


def _component(seed: int) -> str:
    """A React component of 3 KB."""
    chance = random.Random(seed)
    head = "export default function Page({ items, open }) {\n  return (\n"
    parts = [f'{head}    <main className="min-h-screen bg-white">\n']
    for number in range(8):
        color, shade = chance.choice(_COLORS), chance.choice((50, 500, 900))
        parts += (
            f'      <div className="rounded-lg bg-{color}-{shade} p-{chance.randint(1, 8)}"',
            ' style={{ color: "#0f172a" }}>\n',
            f'        <h2 className="text-xl font-bold text-white">Card {number}</h2>\n',
            "        {items.map((item) => (\n          <p key={item.id}",
            f' className="mt-{chance.randint(1, 9)} text-gray-600">About {{item.name}}</p>\n        ))}}\n',
            "        <button onClick={() => open(1)} className={`btn ${open ? 'text-[#e11d48]' : ''}`}>Go</button>\n",
            "      </div>\n",
        )
    return "".join([*parts, "    </main>\n  )\n}\n"])


def _theirs(page: str) -> tuple[list[str], list[str], list[str], list[str]]:
    """What scoring reads of a page, taken from html5lib's tree: tags, class names, CSS, colors in attributes.

    html5lib finds its syntax errors in the same run, so this has a verdict too, if another one.
    """
    soup = BeautifulSoup(page, "html5lib")
    elements = soup.find_all(True)
    return (
        [element.name for element in elements],
        [name for element in elements for name in element.get("class") or ()],
        [e.get_text() for e in elements if e.name == "style"] + [str(e["style"]) for e in elements if e.get("style")],
        [str(e[name]) for e in elements for name in ("fill", "stroke", "color") if e.get(name)],
    )


def _counted(code: str, page: Page) -> tuple[object, ...]:
    """What scoring makes of a page that was read, whoever read it."""
    colors = count_colors(page, count_classes(page))
    return colors, shape(page.tags), fingerprint(code), word_grams(code), ends_in_loop(code)


def _seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    started = clock()
    work()
    return clock() - started


def _completions(count: int) -> list[scorers.Completion]:
    return [scorers.Completion(f"Here it is:\n```html\n{_page(seed)}\n```\n") for seed in range(count)]


def test_scoring_beside_html5lib_and_beautiful_soup() -> None:
    if importlib.util.find_spec("html5lib") is None:
        pytest.skip("html5lib is not installed; `pip install html5lib` for this comparison")
    completions = _completions(_PAGES)
    pages = [_page(seed) for seed in range(_PAGES)]
    read = [(page, html_page(page)) for page in pages]
    runs: dict[str, list[float]] = {"ours": [], "theirs": [], "counting": []}
    # CPU time: what else runs on the machine would be in a ratio of two times.
    for _ in range(_ROUNDS):
        for name, work in (
            ("ours", lambda: [scorers.score_sample(completion) for completion in completions]),
            ("theirs", lambda: [_theirs(page) for page in pages]),
            ("counting", lambda: [_counted(code, page) for code, page in read]),
        ):
            runs[name].append(1000 * _seconds(work, time.process_time) / _PAGES)
    ours, theirs, counting = (min(runs[name]) for name in ("ours", "theirs", "counting"))
    print(
        f"\na completion of {sum(map(len, pages)) / _PAGES / 1024:.1f} KiB, CPU time: score_sample {ours:.2f} ms\n"
        f"html5lib {version('html5lib')} with Beautiful Soup {version('beautifulsoup4')}: {theirs:.2f} ms to read the "
        f"page ({theirs / ours:.1f} times), {theirs + counting:.2f} ms with the same counting as ours "
        f"({ours / (theirs + counting):.2f} of it)"
    )


def test_components_beside_html5lib_and_beautiful_soup() -> None:
    if importlib.util.find_spec("html5lib") is None:
        pytest.skip("html5lib is not installed; `pip install html5lib` for this comparison")
    components = [_component(seed) for seed in range(_PAGES)]
    completions = [scorers.Completion(f"Here it is:\n```tsx\n{code}\n```\n") for code in components]
    assert scorers.score(completions).metrics["eval/syntax_validity_rate"] == 1
    # V8 compiles what is called often; the first rounds are slower.
    ours = min(
        _seconds(lambda: [scorers.score_sample(completion) for completion in completions], time.process_time)
        for _ in range(3 * _ROUNDS)
    )
    read = [(code, make_page([LANGUAGES[scorers.Language.TSX].read(code).contents])) for code in components]
    theirs, counting = (
        min(_seconds(work, time.process_time) for _ in range(_ROUNDS))
        for work in (lambda: [_theirs(code) for code in components], lambda: [_counted(*entry) for entry in read])
    )
    print(
        f"\na component of {sum(map(len, components)) / _PAGES / 1024:.1f} KiB, CPU time: score_sample "
        f"{1000 * ours / _PAGES:.2f} ms, html5lib with Beautiful Soup {1000 * theirs / _PAGES:.2f} ms for the same "
        f"text, {1000 * (theirs + counting) / _PAGES:.2f} ms with the same counting as ours "
        f"({ours / (theirs + counting):.2f} of it)"
    )


def test_the_cost_grows_with_the_length() -> None:
    taken = []
    print("\n    KiB    CPU ms   MiB/s")
    for kib in _SIZES:
        completion = scorers.Completion(_page(kib, kib))
        rounds = max(1, min(50, 2048 // kib))
        seconds = min(_seconds(partial(scorers.score_sample, completion), time.process_time) for _ in range(rounds))
        taken.append((kib, seconds))
        print(f"{kib:7} {1000 * seconds:9.2f} {kib / 1024 / seconds:7.2f}")
    _plot(taken)


def _plot(taken: list[tuple[int, float]]) -> None:
    """A picture beside the table, where matplotlib is installed."""
    if importlib.util.find_spec("matplotlib") is None:
        print("no plot: matplotlib is not installed")
        return
    import matplotlib as mpl  # type: ignore[import-not-found]

    mpl.use("Agg")
    from matplotlib import pyplot

    file = Path(tempfile.gettempdir()) / "uimon-scoring.png"
    pyplot.loglog([kib for kib, _ in taken], [1000 * seconds for _, seconds in taken], "o-", label="score_sample")
    pyplot.loglog(
        [taken[0][0], taken[-1][0]], [taken[2][1] * 1000 / 16 * kib for kib in (1, 10240)], ":", label="linear"
    )
    pyplot.xlabel("KiB")
    pyplot.ylabel("ms")
    pyplot.legend()
    pyplot.savefig(file, dpi=120)
    print(f"plot: {file}")


def test_a_thousand_samples_with_all_cores() -> None:
    completions = _completions(1000)
    cores = len(os.sched_getaffinity(0))
    print()
    for workers in sorted({1, cores}):
        for count in (100, 300, 1000):
            seconds = min(_seconds(partial(scorers.score, completions[:count], (), workers)) for _ in range(3))
            print(f"{count:5} samples, {workers} of {cores} cores: {seconds:.2f} s, {count / seconds:.0f} a second")


def test_what_the_intervals_take() -> None:
    samples = scorers.score(_completions(1000)).samples
    print()
    for n in (16, 64, 1000):
        point, full = (1000 * _seconds(partial(scorers.aggregate, samples[:n], r)) for r in (0, REPLICATES))
        print(f"aggregate {n:4} samples: {point:.0f} ms; with {REPLICATES} bootstrap replicates {full:.0f} ms")
