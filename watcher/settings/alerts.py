"""The settings of the early warnings: the table `[alerts]` of `uimon.toml`.

Where a default comes from: "the metrics' bands" are those that came with the metrics (validity 95 % and 90 %, color
entropy 3, 2 and 1.5 bits, 50 and 30 classes, perplexity 20 and 10); "real pages" are windows of 16 pages by five
tuned models and from two human collections; "simulation" is tests/bench/bench_alerts.py.
"""

from __future__ import annotations

from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Tag, field_validator, model_validator

from watcher.settings.bounds import YEAR
from watcher.settings.durations import parse_duration
from watcher.settings.validators import within

Share = Annotated[float, within(0, 1)]
Bits = Annotated[float, within(0, 64)]
Seconds = Annotated[float, BeforeValidator(parse_duration), within(0, YEAR, "s")]
Step = Annotated[int, within(0, 10**12)]
_MOST = 1e12
"""A bound for what has none of its own, far above what any metric is."""


class Rule(StrEnum):
    """The early warnings by the names under which they are raised and silenced."""

    VALIDITY_DROPPED = "validity_dropped"
    VALIDITY_LOW = "validity_low"
    COLORS_COLLAPSED = "colors_collapsed"
    BLUE_PURPLE_TAKEOVER = "blue_purple_takeover"
    HUES_GONE = "hues_gone"
    ONE_LIGHTNESS = "one_lightness"
    SAMPLES_ALIKE = "samples_alike"
    CLASSES_NARROW = "classes_narrow"
    OVERFITTING = "overfitting"
    DIVERGING = "diverging"
    PERPLEXITY_HIGH = "perplexity_high"
    PROGRESSION_MISSED = "progression_missed"
    TRUNCATED_OFTEN = "truncated_often"
    EMPTY_OFTEN = "empty_often"
    REPEATS_ITSELF = "repeats_itself"
    NON_FINITE = "non_finite"
    NOT_LEARNING = "not_learning"
    FALLING_BEHIND = "falling_behind"
    TRAINER_SILENT = "trainer_silent"
    CHECKPOINT_FAILED = "checkpoint_failed"


class Milestone(BaseModel):
    """From `step` on, `metric` is to be at least, or at most, so much."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: Step
    metric: str
    least: Annotated[float, within(-_MOST, _MOST)] | None = None
    most: Annotated[float, within(-_MOST, _MOST)] | None = None

    @field_validator("metric")
    @classmethod
    def _known(cls, name: str) -> str:
        """A misspelt name would never be missed. A plug-in's metrics are `eval/NAME/…`, and known only to it."""
        # Help reads the settings, and loads no scorers for them.
        from scorers import METRICS

        if (name in METRICS and name.startswith("eval/")) or (name.startswith("eval/") and name.count("/") > 1):
            return name
        near = get_close_matches(name, METRICS, 1)
        hint = f"; perhaps {near[0]} is meant" if near and near[0].startswith("eval/") else ""
        raise ValueError(f"no evaluation has a metric called {name}{hint}")

    @model_validator(mode="after")
    def _bounded(self) -> Milestone:
        if self.least is None and self.most is None:
            raise ValueError("a milestone needs `least` or `most`")
        return self


# Told apart before they are read, so that an error is about what was meant.
Progression = Annotated[
    Annotated[Literal["off", "documented"], Tag("name")] | Annotated[tuple[Milestone, ...], Tag("table")],
    Discriminator(lambda value: "name" if isinstance(value, str) else "table"),
]


@cache
def documented_progression() -> tuple[Milestone, ...]:
    """The expected progress that came with the metrics. It was written for 100 training samples and 3 epochs."""
    return (
        Milestone(step=50, metric="eval/perplexity", most=1.5),
        Milestone(step=50, metric="eval/syntax_validity_rate", least=0.85),
        Milestone(step=100, metric="eval/syntax_validity_rate", least=0.90),
        Milestone(step=100, metric="eval/color_entropy", least=2.5),
    )


class AlertSettings(BaseModel):
    """When an early warning is raised."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    silence: tuple[Rule, ...] = ()
    """Rules that uimon never raises, by name."""
    false_alarms: Annotated[float, within(0, 50, open=True)] = 1.0
    """False alarms that each rule with a statistical test may raise in 1,000 evaluations of an unchanged model.
    With a smaller value, a change has to be larger, or the samples more, to be noticed. Default from simulation."""
    settled_step: Step = 100
    """Step from which on the model is expected to write code. Before it, uimon warns only of changes for the worse:
    an untrained model's pages are poor and alike. From the metrics' bands ("within 100 steps")."""
    least_pages: Annotated[int, within(4, 1_000_000)] = 16
    """Fewest pages with colors (or tags, or classes) whose pooled statistics are judged. Real pages."""
    comparable_validity: Share = 0.5
    """Minimum validity rate for an evaluation to serve as a baseline for colors, layouts and classes; broken code
    inflates diversity."""

    validity_good: Share = 0.90
    """Validity rate at which a run counts as having been good; from the metrics' bands."""
    validity_drop: Share = 0.1
    """Smallest drop of the validity rate that is worth a warning, however certain it is. From simulation: a healthy
    run's rate wanders by some points, and drops from 95 to 80 % have to be seen."""
    stuck_steps: Step = 100
    """Steps without a good evaluation, counted from `settled_step`, after which validity is stuck."""

    entropy_good: Bits = 2.0
    """Color entropy at which a run counts as having been varied; the lower end of the bands' healthy range."""
    entropy_warn: Bits = 3.0
    """Never warn of a drop of color entropy that ends above this value (the bands' "good")."""
    entropy_drop: Bits = 0.5
    """Smallest drop of color entropy that is worth a warning. Real pages: healthy windows differ by 0.3 from their
    median; pages recolored in blue lose 1.1."""
    entropy_collapse: Bits = 1.5
    """A drop that ends below this value is an error; from the bands. It says nothing of a run that never was
    higher: people's components have 1 to 3.1 bits, since grays, black and white decide it."""
    hue_good: Bits = 1.8
    """Hue entropy at which a run counts as having been varied; real pages lie between 1.9 and 2.7."""
    hue_warn: Bits = 1.8
    """Never warn of a drop of hue entropy that ends above this value."""
    hue_drop: Bits = 0.5
    """Smallest drop of hue entropy that is worth a warning."""
    hue_collapse: Bits = 0.75
    """Below this value hues have collapsed, whatever came before, if the validation answers have more. Real pages
    of many hues: 0.78 in one window of a thousand; pages of one hue: 0."""
    hue_alone: Bits = 0.05
    """The same if no validation answers are known: components of one brand blue have 0.08 to 1.02 in windows of
    64."""

    blue_purple_good: Share = 0.6
    """Share of blue to purple up to which a run counts as having been varied; real pages: 0.13 to 0.58."""
    blue_purple_warn: Share = 0.5
    """Never warn of a rise of that share that ends below this value. Half of the pages taken over lift a share of
    0.27 to 0.63."""
    blue_purple_rise: Share = 0.2
    """Smallest rise of that share that is worth a warning."""
    blue_purple_collapse: Share = 0.85
    """Above this value blue and purple rule, whatever came before, if the validation answers have less. Real pages
    of many hues: 0.86 in one window of a thousand."""
    blue_purple_alone: Share = 0.995
    """The same if no validation answers are known: components of one brand blue have 0.81 to 0.99 in windows of
    64."""

    hueless_good: Share = 0.65
    """Share of pages without a hue up to which a run counts as having had colors; real pages 0 to 0.65."""
    hueless_warn: Share = 0.7
    """Never warn of a rise of that share that ends below this value. Real pages: 0.81 is the most in 2,400
    windows."""
    hueless_rise: Share = 0.3
    """Smallest rise of that share that is worth a warning."""
    hueless_collapse: Share = 0.85
    """Above this value pages are gray, whatever came before; from the measured bands."""

    dark_good: Share = 0.8
    """Share of dark pages up to which a run counts as having had light ones; real pages 0.2 to 0.4."""
    dark_warn: Share = 0.9
    """Never warn of a rise of that share that ends below this value."""
    dark_rise: Share = 0.25
    """Smallest rise of that share that is worth a warning."""
    dark_collapse: Share = 0.97
    """Above this value pages are dark, whatever came before; from the measured bands."""
    light_warn: Share = 0.05
    """Never warn of a drop of the share of dark pages that ends above this value. Pages that are all light are no
    collapse by themselves, as most pages are light; they are one only in a run that had dark pages."""
    light_fall: Share = 0.15
    """Smallest drop of that share that is worth a warning. A run with at least so many dark pages counts as having
    had dark ones. Real pages: six tuned models write 0.2 to 0.4 dark ones."""

    alike_good: Share = 0.23
    """Mean similarity of pairs of pages up to which they count as different; real pages 0.04 to 0.23."""
    alike_collapse: Share = 0.3
    """Above this value pages look the same; one template, a tenth of its leaves changed: 0.35 and more."""
    alike_rise: Share = 0.15
    """Smallest rise of that similarity that is worth a warning."""
    nearest_good: Share = 0.5
    """Mean similarity of a page to its nearest other page, up to which pages count as different; generated pages 0.1
    to 0.34, variants of components 0.18 to 0.63."""
    nearest_collapse: Share = 0.8
    """Never warn of a rise of that similarity that ends below this value; pages from few templates reach 1."""
    nearest_rise: Share = 0.3
    """Smallest rise of that similarity that is worth a warning."""
    floor_good: Share = 0.12
    """Mean similarity of a page to the tenth of pages that is least like it, up to which pages count as different;
    real pages 0.01 to 0.14, in windows of 64 up to 0.11."""
    floor_warn: Share = 0.08
    """Never warn of a rise of that similarity that ends below this value; generated pages in windows of 64: up to
    0.06."""
    floor_collapse: Share = 0.14
    """Above this value all pages share a template; a quarter of its leaves changed: 0.14 to 0.3."""
    floor_rise: Share = 0.05
    """Smallest rise of that similarity that is worth a warning."""

    classes_good: Annotated[float, within(0, 1_000_000)] = 50
    """Distinct classes to expect in three samples, from which on there is variety; from the metrics' bands."""
    classes_few: Annotated[float, within(0, 1_000_000)] = 30
    """Distinct classes in three samples below which a standstill is a plateau if no validation answers are known
    that tell how many are usual; from the metrics' bands."""
    classes_fall: Share = 0.25
    """Smallest drop of that number that is worth a warning, as a share of what it was."""
    classes_growth: Share = 0.15
    """Growth over `plateau_steps` below which the number has stopped growing."""
    plateau_steps: Annotated[int, within(1, 10**12)] = 200
    """Steps after which a standstill is a plateau: below `classes_good`, or three quarters of what the validation
    answers have; below `classes_few` if these are not known. From the metrics' bands."""

    perplexity_rise: Share = 0.05
    """Smallest rise of held-out perplexity above its lowest level that is worth a warning. From simulation."""
    perplexity_jump: Annotated[float, within(0, _MOST, open=True)] = 0.5
    """Rise above its lowest level that is worth a warning if two evaluations in a row show it, whatever the curve's
    noise, which fewer than eight evaluations do not show. From simulation: far above what a healthy curve does."""
    perplexity_warn: Annotated[float, within(1, _MOST, open=True)] = 20
    """Held-out perplexity above which the model struggles; from the metrics' bands."""
    perplexity_info: Annotated[float, within(1, _MOST, open=True)] = 10
    """Held-out perplexity above which there is room for improvement; from the metrics' bands."""

    progression: Progression = "off"
    """Expected progress: a list of `{step, metric, least or most}`, or `documented`, the table that came with the
    metrics. Off by default, since that table holds for one size of data (100 samples, 3 epochs)."""

    truncated_share: Share = 0.10
    """Share of samples cut by the token limit that is too many: as many as may be invalid at 90 % validity."""
    empty_share: Share = 0.05
    """Share of samples without any code that is too many: half of what may be invalid."""
    repeats_share: Share = 0.05
    """Share of samples ending in a loop that is too many: half of what may be invalid."""

    behind_waiting: Annotated[int, within(1, 1_000_000)] = 3
    """Fewest waiting checkpoints with which the watcher falls behind."""
    silent_factor: Annotated[float, within(1, 1_000_000, open=True)] = 4
    """A trainer is silent when no checkpoint came for so many times the usual interval."""
    silent_least: Seconds = 600.0
    """Shortest silence that is worth a warning, in seconds (or as 90s, 30m, 6h)."""

    @property
    def chance(self) -> float:
        """The level of one look of one rule."""
        return self.false_alarms / 1000

    @property
    def milestones(self) -> tuple[Milestone, ...]:
        """The expected progress in force."""
        if self.progression == "documented":
            return documented_progression()
        return () if self.progression == "off" else self.progression
