"""The samples behind an early warning, in words: what to look at first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from scorers import Outcome, Sample
from watcher.ledger import Ledger
from watcher.printable import printable

SHOWN: Final = 3
_PROMPT_CHARS: Final = 60
_COLORS: Final = 3
_WORDS: Final = {
    Outcome.TRUNCATED: "cut off by the token limit",
    Outcome.NO_CODE: "no code in it",
    Outcome.EMPTY: "empty",
}


def warnings_with_samples(ledger: Ledger) -> list[dict[str, Any]]:
    """Every early warning, by step; those that last have under `shown` a sentence for each of the first samples that
    show the sign.
    """
    return [
        warning | ({"shown": _shown(ledger, warning)} if warning["active"] else {}) for warning in ledger.alarms().all()
    ]


def _shown(ledger: Ledger, warning: Mapping[str, Any]) -> list[str]:
    samples = ledger.samples(warning["uid"]) if warning["samples"] else ()
    places = [place for place in warning["samples"] if place < len(samples)]
    return [_sentence(warning["step"], place, samples[place]) for place in places[:SHOWN]]


def _sentence(step: int, place: int, sample: Mapping[str, Any]) -> str:
    prompt = " ".join(str(sample["prompt"]).split())
    if len(prompt) > _PROMPT_CHARS:
        prompt = prompt[: _PROMPT_CHARS - 1] + "…"
    return printable(f"Sample {place} of step {step}, “{prompt}”: {_what(Sample.from_dict(sample['score']))}")


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
