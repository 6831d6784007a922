"""Which samples a rate is about, and which of them count, where that is more than a look at one field."""

from __future__ import annotations

from scorers.metrics.computation import Cases
from scorers.metrics.corpus import Corpus
from scorers.metrics.likeness import ALIKE, nearest
from scorers.sample import Outcome, Sample


def above_zero(count: int | None) -> bool | None:
    return None if count is None else count > 0


def valid_if_complete(sample: Sample) -> bool | None:
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


def lookalikes(corpus: Corpus) -> Cases:
    found = corpus.likeness.each(nearest) if corpus.likeness else ()
    return ((number, value >= ALIKE) for number, value in found)
