"""The samples behind an early warning, in words: what to look at first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from textwrap import shorten
from typing import Final

from scorers import Outcome, Sample, SampleError
from watcher.alerts import Episode
from watcher.ledger.ledger import Ledger
from watcher.output.printable import printable

SHOWN: Final = 3
_PROMPT_CHARS: Final = 60
_COLORS: Final = 3
_WORDS: Final = {
    Outcome.TRUNCATED: "cut off by the token limit",
    Outcome.NO_CODE: "no code in it",
    Outcome.EMPTY: "empty",
}


@dataclass(frozen=True, slots=True)
class WarningWithSamples:
    """An early warning: the episode, and the `document` that the ledger has of it. `shown` is a sentence for each of
    the first samples that show the sign; None where it is over.
    """

    episode: Episode
    document: Mapping[str, object]
    shown: tuple[str, ...] | None

    def to_dict(self) -> dict[str, object]:
        """Plain values for `json.dumps`: the warning in `uimon status --json`."""
        return {**self.document, **({} if self.shown is None else {"shown": self.shown})}


def warnings_with_samples(ledger: Ledger) -> list[WarningWithSamples]:
    """Every early warning, by step."""
    return [_with_samples(ledger, document) for document in ledger.episodes().all()]


def _with_samples(ledger: Ledger, document: Mapping[str, object]) -> WarningWithSamples:
    episode = Episode.from_dict(document)
    shown = tuple(islice(_sentences(ledger, episode), SHOWN)) if episode.active else None
    return WarningWithSamples(episode, document, shown)


def _sentences(ledger: Ledger, warning: Episode) -> Iterator[str]:
    try:
        samples = ledger.samples(warning.uid) if warning.samples else ()
    except ValueError:
        return
    if warning.samples and ledger.are_dropped(warning.uid):
        yield f"The samples of step {warning.step} were not kept (--keep-samples)."
    for place in warning.samples:
        # A ledger made anew from damaged files may lack some, or hold what is none; the warning itself is to be seen.
        try:
            what = _what(samples[place].score)
            prompt = shorten(samples[place].prompt, _PROMPT_CHARS, placeholder="…")
        except (IndexError, SampleError):
            continue
        yield printable(f"Sample {place} of step {warning.step}, “{prompt}”: {what}")


def _what(score: Sample) -> str:
    """
    >>> _what(Sample("a", Outcome.TRUNCATED))
    'cut off by the token limit'
    >>> _what(Sample("a", Outcome.VALID, colors=(("blue-500", 1), ("red-500", 9))))
    'red-500 9 times, blue-500'
    """
    if said := _WORDS.get(score.outcome):
        return said
    if score.errors:
        return f"line {score.errors[0].line}: {score.errors[0].message}"
    most = sorted(score.colors, key=lambda color: -color[1])[:_COLORS]
    return ", ".join(f"{name} {count} times" if count > 1 else name for name, count in most) or "no colors"
