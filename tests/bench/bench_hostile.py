"""Reading of texts made to keep a parser busy: four times the text may take four times as long, not sixteen times."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import pytest

from scorers import Completion
from scorers.extraction import extract
from scorers.html.check import check_html
from tests.scorers.test_hostile import REPEATED, STARTS

_SIZE = 100_000
_TIMES = 4
# Between linear (4) and quadratic (16), for timings on a machine that does other work.
_MOST = 9.0
# Shorter timings are noise.
_LEAST_SECONDS = 0.02


def _seconds(work: Callable[[str], object], text: str) -> float:
    timings = []
    for _ in range(3):
        started = time.process_time()
        work(text)
        timings.append(time.process_time() - started)
    return statistics.median(timings)


def _text(start: str, piece: str, size: int) -> str:
    return start + (piece * (size // len(piece)) if piece else "".join(f"<x{n}>" for n in range(size // 8)))


_CASES = [("", piece) for piece in REPEATED.values()] + [
    (s, p) for s in STARTS.values() for p in ("<li><br>", " ", "[")
]


@pytest.mark.parametrize(("start", "piece"), _CASES)
def test_time_grows_with_the_text(start: str, piece: str) -> None:
    small, large = (_text(start, piece, size) for size in (_SIZE, _SIZE * _TIMES))
    for name, work in (("check", check_html), ("extract", lambda text: extract(Completion(text)))):
        before, after = _seconds(work, small), _seconds(work, large)
        ratio = after / max(before, _LEAST_SECONDS)
        print(f"{name:8} {start[:12]!r:16} {piece[:16]!r:20} {before:6.3f} s {after:6.3f} s")
        assert ratio < _MOST, f"{name} of {piece!r} after {start[:20]!r}: {ratio:.1f} times as long"
