"""What each prompt's samples add to the pooled statistics, by name.

A section is a family of sums that samples add to, one for each of its keys: the occurrences of each color family, every
page's share of each hue. A sum of its own is a section with one key. All sections together make a vector of
non-negative numbers for each prompt, the unit that the bootstrap draws again; a statistic is a function of the vectors'
sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from scorers.metrics.corpus import Corpus
from scorers.sample import Sample

Amount = tuple[int, str, float]
"""What a sample adds to a section: the sample's number, the key, how much."""


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """A named family of sums. `keys` are its keys in their order, where it always has the same; else those that occur,
    sorted."""

    name: str
    amounts: Callable[[Corpus], Iterable[Amount]]
    keys: tuple[str, ...] = ()


def each_sample(name: str, of: Callable[[Sample], float]) -> Section:
    """One sum, to which each sample adds.

    Args:
        name: What no other section is called.
        of: What a sample adds to the sum, 0 or more.

    Returns:
        A section with one key, which is empty.
    """

    def amounts(corpus: Corpus) -> Iterable[Amount]:
        return ((number, "", of(sample)) for number, sample in enumerate(corpus.samples))

    return Section(name, amounts, keys=("",))


def some_samples(name: str, of: Callable[[Corpus], Iterable[tuple[int, float]]]) -> Section:
    """One sum, to which some samples add.

    Args:
        name: What no other section is called.
        of: The samples that add, by their numbers, and what each of them adds, 0 or more.

    Returns:
        A section with one key, which is empty.
    """

    def amounts(corpus: Corpus) -> Iterable[Amount]:
        return ((number, "", amount) for number, amount in of(corpus))

    return Section(name, amounts, keys=("",))


def by_sample(section: Section, corpus: Corpus) -> list[dict[str, float]]:
    """What each sample adds to a section, by its keys."""
    found: list[dict[str, float]] = [{} for _ in corpus.samples]
    for number, key, amount in section.amounts(corpus):
        found[number][key] = found[number].get(key, 0.0) + amount
    return found


@dataclass(frozen=True, slots=True)
class Tally:
    """What a corpus adds to some sections. `units` holds one vector for each prompt, in which `spans` says where each
    section lies, and `places` where each of its keys; `behind` counts the samples that add anything to a section."""

    corpus: Corpus
    units: tuple[Sequence[float], ...]
    spans: Mapping[str, slice]
    places: Mapping[tuple[str, str], int]
    behind: Mapping[str, int]

    @classmethod
    def of(cls, corpus: Corpus, sections: Iterable[Section]) -> Tally:
        """The tally of samples, for these sections. Raises ValueError where two of them have one name."""
        found = [(section, list(section.amounts(corpus))) for section in dict.fromkeys(sections)]
        spans: dict[str, slice] = {}
        places: dict[tuple[str, str], int] = {}
        for section, amounts in found:
            if section.name in spans:
                raise ValueError(f"two sections are called {section.name!r}")
            start = len(places)
            keys = section.keys or sorted({key for _, key, _ in amounts})
            places |= {(section.name, key): start + number for number, key in enumerate(keys)}
            spans[section.name] = slice(start, len(places))
        units = {prompt: [0.0] * len(places) for prompt in corpus.prompts}
        for section, amounts in found:
            for number, key, amount in amounts:
                units[corpus.prompts[number]][places[section.name, key]] += amount
        behind = {section.name: len({number for number, _, amount in amounts if amount}) for section, amounts in found}
        return cls(corpus, tuple(units.values()), spans, places, behind)

    def total(self) -> Sequence[float]:
        """The sum of all units."""
        return [sum(lane) for lane in zip(*self.units, strict=True)] or [0.0] * len(self.places)
