"""Reading of texts made to keep a parser busy: four times the text may take four times as long, not sixteen times, and
ten megabytes of it may take no more than 300 MB."""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from scorers import Completion, Language, score_sample
from scorers.css.declarations import declarations
from scorers.extraction import extract
from scorers.html.check import check_html
from scorers.tailwind.theme import read_theme
from tests.scorers.test_hostile import REPEATED, STARTS

_SIZE = 100_000
_TIMES = 4
# Between linear (4) and quadratic (16), for timings on a machine that does other work.
_MOST = 9.0
# Shorter timings are noise.
_LEAST_SECONDS = 0.02
_MOST_MEMORY = 300
_PLOTTED = (50_000, 100_000, 200_000, 400_000, 800_000)


def _seconds(work: Callable[[str], object], text: str, rounds: int = 3) -> float:
    timings = []
    for _ in range(rounds):
        started = time.process_time()
        work(text)
        timings.append(time.process_time() - started)
    return statistics.median(timings)


def _text(start: str, piece: str, size: int) -> str:
    return start + (piece * (size // len(piece)) if piece else "".join(f"<x{n}>" for n in range(size // 8)))


_CASES = [("", piece) for piece in REPEATED.values()] + [
    (s, p) for s in STARTS.values() for p in ("<li><br>", " ", "[")
]
_FOREIGN = ("<![CDATA[>", "<![CDATA[>]]>", '<![CDATA[><b a="]]>">', "<!-->", "<?a>", "<!a>", "<style><a>", "<title>")
_CSS = (
    "a{b:c}",
    "@theme{",
    "@theme{--color-a:b;",
    "/*",
    "--a:var(--a);",
    "@utility a ",
    "url(",
    "{",
    "tailwind.config = {",
)


@pytest.mark.parametrize(("start", "piece"), [*_CASES, *(("<svg>", piece) for piece in _FOREIGN)])
def test_time_grows_with_the_text(start: str, piece: str) -> None:
    works: dict[str, Callable[[str], object]] = {"check": check_html, "extract": lambda text: extract(Completion(text))}
    _linear(works, start, piece)


@pytest.mark.parametrize("piece", _CSS)
@pytest.mark.parametrize("start", ["", "@theme{", "tailwind.config = {theme:{extend:{colors:{"])
def test_time_of_css_and_configs_grows_with_the_text(start: str, piece: str) -> None:
    works: dict[str, Callable[[str], object]] = {
        "css": lambda text: list(declarations(text)),
        "theme": lambda text: read_theme([text], [text]),
    }
    _linear(works, start, piece)


def _linear(works: dict[str, Callable[[str], object]], start: str, piece: str) -> None:
    small, large = (_text(start, piece, size) for size in (_SIZE, _SIZE * _TIMES))
    for name, work in works.items():
        before, after = _seconds(work, small), _seconds(work, large)
        ratio = after / max(before, _LEAST_SECONDS)
        print(f"{name:8} {start[:12]!r:16} {piece[:16]!r:20} {before:6.3f} s {after:6.3f} s")
        assert ratio < _MOST, f"{name} of {piece!r} after {start[:20]!r}: {ratio:.1f} times as long"


_PLOTS = {
    "svg, open CDATA": (Language.HTML, "<svg>", "<![CDATA[>"),
    "svg, CDATA with tags": (Language.HTML, "<svg>", '<![CDATA[><b a="]]>">'),
    "attributes": (Language.HTML, "<p>", "<a "),
    "less than": (Language.HTML, "<p>", "<"),
    "scripts": (Language.HTML, "<p>", "<script>a</script>"),
    "classes": (Language.HTML, "<p class='", "p-[1px] x-1 "),
    "components": (Language.TSX, "", "const a = <b>c</b>;\n"),
    "export": (Language.TSX, "<p/>;\n", "export "),
    "async": (Language.TSX, "<p/>;\n", "async "),
    "generics": (Language.TSX, "<p/>;\n", "a<"),
}


def _score(language: Language, code: str) -> object:
    return score_sample(Completion(code, language=language))


def test_a_table_and_a_plot_of_time_and_length() -> None:
    print(f"\n{'CPU seconds of score_sample':22}" + "".join(f"{size // 1000:>8} k" for size in _PLOTTED))
    taken: dict[str, list[float]] = {}
    for name, (language, start, piece) in _PLOTS.items():
        work = partial(_score, language)
        taken[name] = [_seconds(work, _text(start, piece, size), 1) for size in _PLOTTED]
        print(f"{name:27}" + "".join(f"{seconds:10.3f}" for seconds in taken[name]))
    _plot(taken)


def _plot(taken: dict[str, list[float]]) -> None:
    """A picture beside the table, where matplotlib is installed."""
    if importlib.util.find_spec("matplotlib") is None:
        print("no plot: matplotlib is not installed")
        return
    import matplotlib as mpl  # type: ignore[import-not-found]

    mpl.use("Agg")
    from matplotlib import pyplot

    for name, seconds in taken.items():
        pyplot.loglog(_PLOTTED, seconds, "o-", label=name)
    pyplot.loglog(_PLOTTED, [1e-6 * size for size in _PLOTTED], ":", label="linear")
    pyplot.xlabel("characters")
    pyplot.ylabel("CPU seconds")
    pyplot.legend(fontsize=7)
    file = Path(tempfile.gettempdir()) / "uimon-hostile.png"
    pyplot.savefig(file, dpi=120)
    print(f"plot: {file}")


_PEAK = """
import resource, sys
from scorers import Completion, Language, score_sample
start, piece, language = sys.argv[1:]
for warm in Language.HTML, Language.TSX:
    score_sample(Completion("<p onclick='a()'></p>", language=warm))
text = start + piece * (10_000_000 // len(piece))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
score_sample(Completion(text, language=Language(language) if language else None))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
_HEAVY = (
    *(
        ("<p>", piece, "html")
        for piece in ("<a ", "</a ", "<", "\x01", "<a b>", "<br a=b>", "&amp;", "<p onclick='a()'>")
    ),
    *(("<p><svg>", piece, "html") for piece in _FOREIGN),
    ("<p class='", "p-[1px] x ", "html"),
    ("<p><style>", "a{color:red}", "html"),
    ("<p><script>", "x('p-4 m-2');", "html"),
    ("", "```html\n<p class='p-4'>a</p>\n```\n", ""),
    *(("", piece, "tsx") for piece in ("<", "<a ", "const a = <b>c</b>;\n", "a;", "x=>y;", "{}", "word ", "export ")),
)


@pytest.mark.parametrize(("start", "piece", "language"), _HEAVY)
def test_ten_megabytes_take_less_than_300(start: str, piece: str, language: str) -> None:
    command = [sys.executable, "-c", _PEAK, start, piece, language]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    print(f"{language or 'any':5} {start[:12]!r:16} {piece[:20]!r:24} +{int(ended.stdout):4} MB")
    assert int(ended.stdout) < _MOST_MEMORY
