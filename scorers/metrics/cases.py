"""What metrics take of samples where that is more than a look at one field: for rates which samples they are about, and
which of them count."""

from __future__ import annotations

from scorers.css.palette import CUSTOM
from scorers.metrics.computation import Cases
from scorers.metrics.corpus import Corpus
from scorers.metrics.similarity import NEAR_DUPLICATE, distinct, nearest
from scorers.sample import Outcome, Sample


def above_zero(count: int | None) -> bool | None:
    """Whether there is any; None where it was not looked for."""
    return None if count is None else count > 0


def valid_if_complete(sample: Sample) -> bool | None:
    """Whether the code parses; None where the token limit cut it."""
    return None if sample.outcome is Outcome.TRUNCATED else sample.syntax_valid


def copies(corpus: Corpus) -> Cases:
    """For each different code of each prompt, whether an earlier prompt has it; undefined for fewer than two."""
    first: dict[tuple[str, str], int] = {}
    for number, (prompt, sample) in enumerate(zip(corpus.prompts, corpus.samples, strict=True)):
        if sample.fingerprint:
            first.setdefault((prompt, sample.fingerprint), number)
    seen: dict[str, str] = {}
    cases = [(number, seen.setdefault(code, prompt) != prompt) for (prompt, code), number in first.items()]
    return cases if len(cases) > 1 else ()


def near_duplicates(corpus: Corpus) -> Cases:
    """For each page that is compared, whether a page of another prompt has its layout."""
    found = corpus.similarities.each(nearest) if corpus.similarities else ()
    return ((number, value >= NEAR_DUPLICATE) for number, value in found)


def unresolved(sample: Sample) -> int:
    """How many of its colors are names of a theme that nobody defines."""
    # Older samples kept these names among their tokens.
    return sample.unresolved_colors + sum(count for name, count in sample.colors if name.startswith(CUSTOM))


def distinct_4(corpus: Corpus) -> float | None:
    """The share of distinct ones among all runs of four words; None without any."""
    words = sum(sample.words for sample in corpus.samples)
    return min(1.0, distinct(sample.grams for sample in corpus.samples) / words) if words else None
