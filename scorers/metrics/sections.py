"""The sections of a tally that more than one statistic is made of, or that take more than a look at one field."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from scorers.css.palette import HUE_BINS, family
from scorers.metrics.corpus import Corpus
from scorers.metrics.similarity import OfPage, SimilarityRows
from scorers.metrics.tally import Amount, Section, some_samples
from scorers.sample import DARK, LIGHT

_HUES = tuple(dict.fromkeys(HUE_BINS.values()))
_LIGHTNESS = (LIGHT, DARK)


def _families(corpus: Corpus) -> Iterable[Amount]:
    return ((n, family(token), count) for n, sample in enumerate(corpus.samples) for token, count in sample.colors)


def _shades(corpus: Corpus) -> Iterable[Amount]:
    return ((n, token, count) for n, sample in enumerate(corpus.samples) for token, count in sample.colors)


def _hues(corpus: Corpus) -> Iterable[Amount]:
    """Each page weighs the same, so that one long page does not decide."""
    for number, counts in enumerate(corpus.hues):
        total = counts.total()
        yield from ((number, hue, count / total) for hue, count in counts.items())


def _leaders(corpus: Corpus) -> Iterable[Amount]:
    """Hues that lead together share the page: no hue may win by its place in the alphabet."""
    for number, counts in enumerate(corpus.hues):
        top = [hue for hue, count in counts.items() if count == max(counts.values())]
        yield from ((number, hue, 1 / len(top)) for hue in top)


def _lightness(corpus: Corpus) -> Iterable[Amount]:
    return ((n, sample.lightness, 1) for n, sample in enumerate(corpus.samples) if sample.lightness in _LIGHTNESS)


def _all(corpus: Corpus) -> Iterable[tuple[int, float]]:
    return ((number, 1) for number in range(len(corpus.samples)))


def _hued(corpus: Corpus) -> Iterable[tuple[int, float]]:
    return ((number, 1) for number, counts in enumerate(corpus.hues) if counts)


def _compared(corpus: Corpus) -> Iterable[tuple[int, float]]:
    found = corpus.similarities
    return ((number, 1) for number, row in zip(found.compared, found.rows, strict=True) if row) if found else ()


def _expected_classes(corpus: Corpus) -> Iterable[tuple[int, float]]:
    return enumerate(corpus.rarefied.with_each()) if corpus.rarefied else ()


def similarity_to_others(name: str, way: Callable[[SimilarityRows], OfPage]) -> Section:
    """How alike the others are to each page that was compared."""
    return some_samples(name, lambda corpus: corpus.similarities.each(way) if corpus.similarities else ())


FAMILIES = Section("color families", _families)
SHADES = Section("shades", _shades)
HUES = Section("hues", _hues, keys=_HUES)
LEADERS = Section("leading hues", _leaders, keys=_HUES)
LIGHTNESS = Section("lightness", _lightness, keys=_LIGHTNESS)
HUE_PAGES = some_samples("pages with hues", _hued)
SAMPLES = some_samples("samples", _all)
COMPARED = some_samples("pages compared", _compared)
EXPECTED_CLASSES = some_samples("classes to expect with a sample", _expected_classes)
