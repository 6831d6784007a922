"""Which checkpoint is best, and which ones cannot be told from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from operator import gt, lt
from types import MappingProxyType

from scorers.sample import Outcome
from watcher.alerts.history import Entry
from watcher.alerts.measures import Measure
from watcher.alerts.rules.counts import first_answers
from watcher.alerts.rules.result import percent
from watcher.alerts.statistics import Stratum, difference, worse_by_chance

LEVEL = 0.05
"""Two checkpoints differ where chance alone would make them so different less often; shared by all comparisons made."""
PERPLEXITY_TIE = 0.01
"""Perplexities within this share of the lowest are one: a settled run's own wavering."""


class Criterion(StrEnum):
    """What makes a checkpoint better than another."""

    VALIDITY = "validity"
    PERPLEXITY = "perplexity"
    DIVERSITY = "diversity"


ORDER = (Criterion.VALIDITY, Criterion.PERPLEXITY, Criterion.DIVERSITY)


@dataclass(frozen=True, slots=True)
class Best:
    """The best checkpoint; `alike` are the steps that cannot be told from it, its own included, in order."""

    step: int
    uid: str
    alike: tuple[int, ...]
    sentence: str


def best(
    entries: Sequence[Entry], order: Sequence[Criterion] = ORDER, collapsed: Mapping[int, str] = MappingProxyType({})
) -> Best | None:
    """The best entry; None where there is none.

    Entries whose step is among the `collapsed` (with what is wrong there) are left out, as long as there are others: a
    model that paints everything blue may well parse best. Each criterion in turn keeps those that cannot be told from
    its leader: by validity and diversity (color entropy) on the same prompts, by perplexity within 1 %. Of what is
    left, the earliest is taken: it was trained least.
    """
    left = sorted(entries, key=lambda entry: (entry.step, entry.at))
    if not left:
        return None
    out = {entry.step: collapsed[entry.step] for entry in left if entry.step in collapsed}
    if kept := [entry for entry in left if entry.step not in out]:
        left = kept
    else:
        out = {}
    for criterion in order:
        left = _KEEP[criterion](left)
    chosen, steps = left[0], tuple(entry.step for entry in left)
    sentence = f"Step {chosen.step}: {_figures(chosen)}.{_tie(steps)}{_left_out(out)}"
    return Best(chosen.step, chosen.uid, steps, sentence)


def _by_validity(entries: Sequence[Entry]) -> list[Entry]:
    if not all(entry.sampled for entry in entries):
        return list(entries)
    leader = max(entries, key=lambda entry: entry.validity)
    counted = first_answers(leader.prompts)
    good = [leader.outcomes[i] is Outcome.VALID for i in counted]

    def as_good(entry: Entry) -> bool:
        now = [entry.outcomes[i] is Outcome.VALID for i in counted]
        better, worse = sum(map(gt, now, good)), sum(map(lt, now, good))
        return _worse_by_chance(better, worse) * (len(entries) - 1) > LEVEL

    return [entry for entry in entries if entry is leader or as_good(entry)]


@lru_cache(maxsize=4096)
def _worse_by_chance(better: int, worse: int) -> float:
    """`worse_by_chance` of two evaluations, of which only the prompts that differ tell anything."""
    return worse_by_chance([Stratum(1, 1, 0, 1)] * better + [Stratum(0, 1, 1, 1)] * worse)


def _by_perplexity(entries: Sequence[Entry]) -> list[Entry]:
    known = [(entry, value) for entry in entries if (value := entry.perplexity) is not None and math.isfinite(value)]
    if not known:
        return list(entries)
    lowest = min(value for _, value in known)
    return [entry for entry, value in known if value <= lowest * (1 + PERPLEXITY_TIE)]


def _by_diversity(entries: Sequence[Entry]) -> list[Entry]:
    known = [(entry, found) for entry in entries if (found := entry.measures.get(Measure.COLOR_ENTROPY)) is not None]
    if not known:
        return list(entries)
    top, most = max(known, key=lambda pair: pair[1].value)

    def as_various(entry: Entry) -> bool:
        lead = difference([most], [entry.measures[Measure.COLOR_ENTROPY]], prompts=top.prompts)
        return lead.exceeds(0.0) * (len(known) - 1) > LEVEL

    return [entry for entry, _ in known if entry is top or as_various(entry)]


_KEEP: Mapping[Criterion, Callable[[Sequence[Entry]], list[Entry]]] = MappingProxyType(
    {
        Criterion.VALIDITY: _by_validity,
        Criterion.PERPLEXITY: _by_perplexity,
        Criterion.DIVERSITY: _by_diversity,
    }
)


def _figures(entry: Entry) -> str:
    said = [f"{percent(entry.validity)} of {len(entry.outcomes)} samples parse"] if entry.sampled else []
    if entry.perplexity is not None:
        said.append(f"perplexity {entry.perplexity:.3g}")
    if (entropy := entry.measures.get(Measure.COLOR_ENTROPY)) is not None:
        said.append(f"color entropy {entropy.value:.2f} bits")
    return ", ".join(said)


def _left_out(collapsed: Mapping[int, str]) -> str:
    """
    >>> _left_out({200: "colors_collapsed", 250: "samples_alike"}), _left_out({300: "samples_alike"}), _left_out({})
    (' Left out: 2 from step 200 to 250 (colors_collapsed, samples_alike).', ' Left out: step 300 (samples_alike).', '')
    """
    if not collapsed:
        return ""
    steps, rules = sorted(collapsed), ", ".join(sorted(set(collapsed.values())))
    where = f"step {steps[0]}" if len(steps) == 1 else f"{len(steps)} from step {steps[0]} to {steps[-1]}"
    return f" Left out: {where} ({rules})."


def _tie(steps: Sequence[int]) -> str:
    """Which steps are alike, as a sentence.

    >>> _tie((300, 350, 400)), _tie((300,))
    (' Steps 300, 350 and 400 cannot be told apart statistically; uimon takes the earliest.', '')
    """
    if len(steps) == 1:
        return ""
    named = f"{', '.join(map(str, steps[:-1]))} and {steps[-1]}"
    return f" Steps {named} cannot be told apart statistically; uimon takes the earliest."
