"""The samples of one evaluation, and what is found by comparing them with one another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from scorers.extraction import AnswerShape
from scorers.measures.hues import hues_of
from scorers.metrics.similarity import Similarities, Similarity, similarities
from scorers.metrics.statistics import Rarefied, rarefied
from scorers.sample import Outcome, Sample

DRAWS = 3
"""In how many samples classes are counted: the metrics' document asks for three."""

# Below this many color tokens, the hues of one page say nothing.
MIN_TOKENS = 3


@dataclass(frozen=True)
class Corpus:
    """What metrics are computed of: samples, in the suite's order. `similarity` compares the shapes of two pages, where
    it is not the ordinary way (a memory of what was compared before).

    What is asked for is computed once.
    """

    samples: Sequence[Sample]
    similarity: Similarity | None = None

    @cached_property
    def prompts(self) -> tuple[str, ...]:
        """The prompt of each sample; a sample without one has a prompt of its own."""
        return tuple(sample.prompt or f"#{number}" for number, sample in enumerate(self.samples))

    @cached_property
    def outcomes(self) -> Counter[Outcome]:
        """How many samples came to what."""
        return Counter(sample.outcome for sample in self.samples)

    @cached_property
    def shapes(self) -> Counter[str]:
        """How many answers came in each shape, by values of `AnswerShape` and those that only another version knows."""
        # Blank answers were stored without one.
        blank = AnswerShape.EMPTY.value
        return Counter(s.extraction or (blank if s.outcome is Outcome.EMPTY else "") for s in self.samples)

    @cached_property
    def hues(self) -> tuple[Counter[str], ...]:
        """The hues of each page; empty where it has too few colors, see `MIN_TOKENS`."""
        none: Counter[str] = Counter()
        return tuple(hues_of(sample) if sample.num_colors >= MIN_TOKENS else none for sample in self.samples)

    @cached_property
    def similarities(self) -> Similarities | None:
        """How alike the pages of different prompts are."""
        return similarities([sample.shape for sample in self.samples], self.prompts, self.similarity)

    @cached_property
    def rarefied(self) -> Rarefied | None:
        """The utilities to expect in `DRAWS` samples."""
        return rarefied([[name for name, _ in sample.classes] for sample in self.samples], DRAWS)
