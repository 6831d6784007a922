"""Made-up evaluations: pages of which each test decides the one thing that it is about."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from scorers.sample import Outcome, Sample
from watcher.alerts import AlertSettings, Arrival, Entry, Episode, History, Rule, entry_of, evaluate
from watcher.ledger.samples import EvaluatedSample

N = 64
_HUES = ("red", "orange", "amber", "lime", "green", "teal", "cyan", "sky", "blue", "indigo", "violet", "pink")


@dataclass(frozen=True)
class Made:
    """An evaluation as the ledger would hold it."""

    uid: str
    step: int
    metrics: Mapping[str, float | None]
    samples: Sequence[EvaluatedSample] = field(repr=False)
    at: float


@cache
def page(
    position: int,
    step: int,
    outcome: Outcome = Outcome.VALID,
    *,
    hue: str = "",
    neutral: str = "",
    layout: int | None = None,
    changed: float = 0.0,
    classes: int = 200,
    lightness: str = "",
) -> Sample:
    """One page: its colors, layout, lightness and classes are its own unless they are given; `classes` is how many
    there are, and `changed` the part of a given layout that is the page's own after all.
    """
    rng = random.Random(f"{position} {step}")
    lead, gray = hue or _HUES[position % len(_HUES)], neutral or rng.choice(("gray", "slate", "zinc"))
    colors = {f"{lead}-500": rng.randint(4, 12), f"{gray}-100": rng.randint(3, 9)}
    if not neutral:
        colors["white"] = rng.randint(1, 5)
    used = {f"p-{k}": 1 for k in rng.sample(range(classes), 20)}
    first = 1000 * (position if layout is None else layout)
    grams = range(first, first + 50 + rng.randrange(10))
    own = 1000 * (1000 + position)
    return Sample(
        str(position),
        outcome,
        num_colors=sum(colors.values()),
        num_classes=len(used),
        class_tokens=len(used),
        colors=tuple(sorted(colors.items())),
        classes=tuple(sorted(used.items())),
        shape=tuple(sorted(own + gram % 1000 if rng.random() < changed else gram for gram in grams)),
        fingerprint=f"{position} {step}",
        lightness=lightness or ("light", "dark")[position % 2],
    )


def made(
    step: int,
    pages: Sequence[Sample] = (),
    *,
    bad: Sequence[int] = (),
    outcome: Outcome = Outcome.INVALID,
    perplexity: float | None = None,
    loops: bool = False,
    at: float | None = None,
    uid: str = "",
) -> Made:
    """An evaluation of N pages, those at `bad` with another outcome. It takes place at its step, unless `at` says."""
    chosen = list(pages) or [page(i, step, outcome if i in bad else Outcome.VALID) for i in range(N)]
    samples = [
        EvaluatedSample(f"p{i}", 0, "", "", 0, "stop", replace(sample, loops=loops)) for i, sample in enumerate(chosen)
    ]
    metrics = {"eval/perplexity": perplexity}
    return Made(uid or f"uid-{step}", step, metrics, samples, float(step if at is None else at))


def entry(step: int, pages: Sequence[Sample] = (), **facts: Any) -> Entry:
    """The entry of a made evaluation."""
    return entry_of(made(step, pages, **facts))


def healthy(steps: Sequence[int]) -> list[Entry]:
    """Good evaluations in which some other sample breaks each time."""
    return [entry(step, bad=[step % N, (step * 7) % N]) for step in steps]


def episodes(
    entries: Sequence[Entry],
    rule: Rule,
    settings: AlertSettings | None = None,
    *,
    losses: Sequence[tuple[int, float]] = (),
    references: Mapping[str, float | None] | None = None,
    non_finite: Sequence[tuple[int, str]] = (),
    arrivals: Sequence[Arrival] = (),
    now: float = 0.0,
    ended: bool = False,
) -> list[Episode]:
    """The rule's episodes over a history."""
    history = History(
        tuple(entries), tuple(losses), references or {}, tuple(non_finite), tuple(arrivals), now=now, ended=ended
    )
    return [episode for episode in evaluate(history, settings or AlertSettings()) if episode.rule is rule]
