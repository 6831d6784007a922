"""How often the early warnings cry wolf, and how soon they see a collapse: thousands of synthetic runs.

Healthy runs of 30 checkpoints count false alarms for each rule. Runs that go wrong after 20 healthy checkpoints (1,000
steps) count how often the rule for it is raised at the first or second bad checkpoint. Both at several settings of
`false_alarms`, which is the frontier between the two.
"""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import pytest

from tests.bench.alert_runs import CURVES, INTERVAL, Corpus, Run, curves, demo_corpus, generated_corpus
from watcher.alerts import AlertSettings, History, Rule, evaluate

HEALTHY_RUNS, HEALTHY_CHECKPOINTS = 400, 30
BAD_RUNS, BEFORE = 100, 20
SAMPLES = 64
SIZES = (32, 96, 128)
PLATEAU = "30 classes for 200 steps"
FRONTIER = (0.1, 0.5, 1.0)
TESTED = (
    *(Rule.VALIDITY_DROPPED, Rule.COLORS_COLLAPSED, Rule.BLUE_PURPLE_TAKEOVER, Rule.SAMPLES_ALIKE, Rule.CLASSES_NARROW),
    *(Rule.HUES_GONE, Rule.ONE_LIGHTNESS),
    *(Rule.OVERFITTING, Rule.DIVERGING, Rule.VALIDITY_LOW, Rule.TRUNCATED_OFTEN, Rule.EMPTY_OFTEN),
    *(Rule.REPEATS_ITSELF, Rule.PERPLEXITY_HIGH),
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """Something that goes wrong: one of the `rules` has to tell it. `worsen` makes the next checkpoint of a run, the
    `number`-th bad one (from 0).
    """

    name: str
    rules: tuple[Rule, ...]
    worsen: Callable[[Run, int], None]
    corpora: tuple[str, ...] = ("generated", "demo data")


def _break(run: Run, number: int, rate: float) -> None:
    run.advance(invalid=rate / run.wander)


def _take(run: Run, number: int, kind: str, share: float = 1.0) -> None:
    run.advance(kind=kind, share=share)


def _diverge(run: Run, number: int, rises: Sequence[float]) -> None:
    run.perplexity = rises[number]
    run.advance()


_GENERATED = ("generated",)
SCENARIOS = (
    Scenario("validity 95 to 80 %", (Rule.VALIDITY_DROPPED,), partial(_break, rate=0.20)),
    Scenario("validity 95 to 60 %", (Rule.VALIDITY_DROPPED,), partial(_break, rate=0.40)),
    Scenario("colors: all blue (3.6 to 2.3 bits)", (Rule.COLORS_COLLAPSED,), partial(_take, kind="blue")),
    Scenario("colors: one color (3.6 to 1.2 bits)", (Rule.COLORS_COLLAPSED,), partial(_take, kind="one color")),
    Scenario(
        "blue to purple in half of the pages", (Rule.BLUE_PURPLE_TAKEOVER,), partial(_take, kind="takeover", share=0.5)
    ),
    Scenario("blue to purple in all pages", (Rule.BLUE_PURPLE_TAKEOVER,), partial(_take, kind="takeover")),
    Scenario("one layout in all pages", (Rule.SAMPLES_ALIKE,), partial(_take, kind="layout")),
    Scenario("one layout in 70 % of the pages", (Rule.SAMPLES_ALIKE,), partial(_take, kind="layout", share=0.7)),
    Scenario(
        "one template, 10 % of the leaves changed",
        (Rule.SAMPLES_ALIKE,),
        partial(_take, kind="template 10 %"),
        _GENERATED,
    ),
    Scenario(
        "one template, 25 % of the leaves changed",
        (Rule.SAMPLES_ALIKE,),
        partial(_take, kind="template 25 %"),
        _GENERATED,
    ),
    Scenario("gray pages", (Rule.HUES_GONE,), partial(_take, kind="gray")),
    Scenario("dark pages", (Rule.ONE_LIGHTNESS,), partial(_take, kind="dark"), _GENERATED),
    Scenario("light pages", (Rule.ONE_LIGHTNESS,), partial(_take, kind="light"), _GENERATED),
    Scenario("a theme turned blue", (Rule.BLUE_PURPLE_TAKEOVER,), partial(_take, kind="theme"), _GENERATED),
    Scenario("one blue by literals", (Rule.BLUE_PURPLE_TAKEOVER,), partial(_take, kind="literals"), _GENERATED),
    Scenario("one red by literals", (Rule.COLORS_COLLAPSED,), partial(_take, kind="red literals"), _GENERATED),
    Scenario("perplexity +10 % at once", (Rule.OVERFITTING, Rule.DIVERGING), partial(_diverge, rises=(1.1, 1.1))),
    Scenario("perplexity +5, then +10 %", (Rule.OVERFITTING, Rule.DIVERGING), partial(_diverge, rises=(1.05, 1.1))),
)


@cache
def _corpora() -> dict[str, Corpus]:
    return {corpus.name: corpus for corpus in (generated_corpus(), demo_corpus())}


def _history(run: Run) -> History:
    return History(tuple(run.entries), tuple(run.losses), run.corpus.references)


def _healthy(job: tuple[str, int, int]) -> dict[float, Counter[Rule]]:
    """The false alarms of one healthy run at each point of the frontier."""
    corpus, seed, samples = job
    run = Run(_corpora()[corpus], seed, samples)
    for _ in range(HEALTHY_CHECKPOINTS):
        run.advance()
    return {
        level: Counter(alarm.rule for alarm in evaluate(_history(run), AlertSettings(false_alarms=level)))
        for level in FRONTIER
    }


def _bad(job: tuple[str, int, int]) -> dict[tuple[str, float], int]:
    """For each scenario and point of the frontier: at which bad checkpoint the rule was raised (0: not within two)."""
    corpus, seed, samples = job
    healthy = Run(_corpora()[corpus], 10_000 + seed, samples)
    for _ in range(BEFORE):
        healthy.advance()
    found = {}
    for scenario in SCENARIOS:
        if corpus not in scenario.corpora:
            continue
        run = healthy.fork(seed)
        for number in range(2):
            scenario.worsen(run, number)
        for level in FRONTIER:
            found[scenario.name, level] = _place(run, scenario.rules, level)
    return found


def _place(run: Run, rules: tuple[Rule, ...], level: float) -> int:
    """At which of the bad checkpoints one of the rules was raised, 0 for none of them."""
    settings = AlertSettings(false_alarms=level, silence=tuple(other for other in Rule if other not in rules))
    bad = [entry.step for entry in run.entries[BEFORE:]]
    return next((bad.index(alarm.step) + 1 for alarm in evaluate(_history(run), settings) if alarm.step in bad), 0)


def _fewer_or_more(job: tuple[str, int, int]) -> tuple[int, int]:
    """The fall of validity with another number of samples."""
    corpus, seed, samples = job
    run = Run(_corpora()[corpus], 30_000 + seed, samples)
    for _ in range(BEFORE):
        run.advance()
    for number in range(2):
        SCENARIOS[0].worsen(run, number)
    return samples, _place(run, SCENARIOS[0].rules, AlertSettings().false_alarms)


def _plateau(job: tuple[str, int, int]) -> dict[tuple[str, float], int]:
    """A model that never uses more than thirty classes: how many checkpoints after 200 steps of standstill."""
    _, seed, samples = job
    run = Run(_corpora()["generated"], 20_000 + seed, samples, kind="narrow")
    for _ in range(18):
        run.advance()
    start = next(entry.step for entry, learned in zip(run.entries, run.learned, strict=True) if learned >= 0.95)
    due = [start + 200 + INTERVAL * k for k in range(2)]
    found = {}
    for level in FRONTIER:
        alarms = evaluate(_history(run), AlertSettings(false_alarms=level))
        first = next((alarm.step for alarm in alarms if alarm.rule is Rule.CLASSES_NARROW), due[-1] + 1)
        found[PLATEAU, level] = next((k + 1 for k, step in enumerate(due) if first <= step), 0)
    return found


def _jobs(count: int, samples: int = SAMPLES) -> list[tuple[str, int, int]]:
    return [(corpus, seed, samples) for seed in range(count // 2) for corpus in ("generated", "demo data")]


@pytest.mark.timeout(1800)
def test_false_alarms_and_power() -> None:
    _corpora()
    curves(CURVES)
    # Forked, so that the scored pages are shared.
    with multiprocessing.get_context("fork").Pool(2) as pool:
        healthy = pool.map(_healthy, _jobs(HEALTHY_RUNS), chunksize=25)
        bad = pool.map(_bad, _jobs(BAD_RUNS), chunksize=25)
        plateaus = pool.map(_plateau, _jobs(BAD_RUNS), chunksize=25)
        sizes = pool.map(_fewer_or_more, [job for n in SIZES for job in _jobs(BAD_RUNS, n)], chunksize=25)
    print(
        f"\n{HEALTHY_RUNS} healthy runs of {HEALTHY_CHECKPOINTS} checkpoints, {SAMPLES} samples; false alarms in 1,000:"
    )
    print(_row("rule", [f"at {level:g}" for level in FRONTIER]))
    for rule in TESTED:
        print(_row(rule, [_rate(sum(run[level][rule] for run in healthy)) for level in FRONTIER]))
    print(_row("all together", [_rate(sum(run[level].total() for run in healthy)) for level in FRONTIER]))
    print(
        _row("runs without any", [f"{sum(not run[level] for run in healthy) / len(healthy):.1%}" for level in FRONTIER])
    )
    print(f"\n{BAD_RUNS} runs that go wrong after {BEFORE} checkpoints; seen at the first / by the second bad one:")
    for name in (*(scenario.name for scenario in SCENARIOS), PLATEAU):
        runs = plateaus if name == PLATEAU else bad
        print(_row(name, [_seen([run[name, level] for run in runs if (name, level) in run]) for level in FRONTIER]))
    print(f"\n{SCENARIOS[0].name} at the default, by the number of samples:")
    for size in SIZES:
        print(_row(f"{size} samples", [_seen([place for samples, place in sizes if samples == size])]))


def _rate(count: int) -> str:
    return f"{1000 * count / (HEALTHY_RUNS * HEALTHY_CHECKPOINTS):.2f}"


def _seen(places: Sequence[int]) -> str:
    return f"{sum(p == 1 for p in places) / len(places):.0%} / {sum(p > 0 for p in places) / len(places):.1%}"


def _row(name: str, cells: Sequence[str]) -> str:
    return f"{name:38}" + "".join(f"{cell:>15}" for cell in cells)
