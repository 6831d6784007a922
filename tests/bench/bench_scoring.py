"""Scoring against what a quick script would do with the same pages: html5lib and Beautiful Soup."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable

from bs4 import BeautifulSoup

import scorers

_PAGES = 300
_ROUNDS = 5


def _page(seed: int) -> str:
    chance = random.Random(seed)
    colors = ("blue", "teal", "rose", "amber", "slate", "violet")
    cards = (
        f'<div class="rounded-lg bg-{chance.choice(colors)}-{chance.choice((50, 500, 900))} p-{chance.randint(1, 8)}">'
        f'<h2 class="text-xl font-bold text-white">Card {n}</h2><p class="mt-2 text-gray-600">Words about it.</p></div>'
        for n in range(22)
    )
    return f"<!DOCTYPE html><html><head><title>t</title></head><body>{''.join(cards)}</body></html>"


def _plain(page: str) -> int:
    soup = BeautifulSoup(page, "html.parser")
    return len({name for tag in soup.find_all(class_=True) for name in tag["class"]})


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def test_scoring_beside_beautiful_soup() -> None:
    pages = [_page(seed) for seed in range(_PAGES)]
    ratios, rates = [], []
    for _ in range(_ROUNDS):
        ours = _seconds(lambda: [scorers.score_sample(scorers.Completion(page)) for page in pages])
        theirs = _seconds(lambda: [_plain(page) for page in pages])
        ratios.append(theirs / ours)
        rates.append(_PAGES / ours)
    size = sum(map(len, pages)) / _PAGES / 1024
    print(
        f"\nscore_sample: {statistics.median(rates):.0f} pages of {size:.1f} KiB a second (all measurements); "
        f"Beautiful Soup's parse and class names alone take {statistics.median(ratios):.2f} times as long"
    )
