"""From a history to its episodes: each rule is replayed look by look; each stretch in which a sign holds is an episode.

A stretch keeps the evidence with which it began. Where the rule finds it worse later, measured against what was before
it began, its level rises, and never sinks.

A pure function of the history: a restart finds the same episodes under the same keys, because a look sees only what was
known at its time. No e-process was used for the repeated looks, although it would hold at any time: all looks share
their reference, so the increments of such a process would not be fair bets. Instead each look spends a fixed part of
the error (K. K. G. Lan and D. L. DeMets, Biometrika 70, 1983, with a spending function that is linear in the number of
looks): at level `false_alarms / 1000`, 1,000 looks raise at most `false_alarms` false alarms on average, however the
looks depend on each other and for however long a run goes on. That is the error measure of change detection (G. Lorden,
Annals of Mathematical Statistics 42, 1971), and it keeps its power in long runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType

from watcher.alerts.catalog import MEANINGS
from watcher.alerts.history import History, View, look_marks, views
from watcher.alerts.rules import collapse, counts, curves, variety
from watcher.alerts.rules.failures import failure_signs
from watcher.alerts.rules.result import Detector, RuleResult
from watcher.alerts.rules.timing import Sign, log_signs, non_finite_signs, waiting_signs
from watcher.alerts.track import Track
from watcher.model import Alert, AlertLevel, Event, JsonObject
from watcher.settings.alerts import AlertSettings, Rule

DETECTORS: Mapping[Rule, Detector] = MappingProxyType(
    {
        Rule.VALIDITY_DROPPED: counts.validity_dropped,
        Rule.VALIDITY_LOW: counts.validity_low,
        Rule.COLORS_COLLAPSED: collapse.colors_collapsed,
        Rule.BLUE_PURPLE_TAKEOVER: collapse.blue_purple_takeover,
        Rule.HUES_GONE: collapse.hues_gone,
        Rule.ONE_LIGHTNESS: collapse.one_lightness,
        Rule.SAMPLES_ALIKE: collapse.samples_alike,
        Rule.CLASSES_NARROW: variety.classes_narrow,
        Rule.OVERFITTING: curves.overfitting,
        Rule.DIVERGING: curves.diverging,
        Rule.PERPLEXITY_HIGH: curves.perplexity_high,
        Rule.PROGRESSION_MISSED: curves.progression_missed,
        Rule.TRUNCATED_OFTEN: counts.truncated_often,
        Rule.EMPTY_OFTEN: counts.empty_often,
        Rule.REPEATS_ITSELF: counts.repeats_itself,
    }
)
"""The rules that look at evaluations; `watcher.alerts.rules.timing` has those about time, NaN and the trainer's log,
`watcher.alerts.rules.failures` that about checkpoints that were given up."""

_OF_CURVES = frozenset({Rule.OVERFITTING, Rule.DIVERGING, Rule.PERPLEXITY_HIGH, Rule.PROGRESSION_MISSED})
"""The rules that need no samples."""
_YIELDS_TO: Mapping[Rule, Rule] = MappingProxyType(
    {
        Rule.OVERFITTING: Rule.DIVERGING,
        Rule.DIVERGING: Rule.OVERFITTING,
        Rule.VALIDITY_LOW: Rule.VALIDITY_DROPPED,
    }
)
"""A rule does not begin while the other lasts: one fall, or one rise, has one cause and one advice."""


@dataclass(frozen=True, slots=True)
class Rise:
    """That an episode has become worse: at which `step`, shown by the evaluation `uid` and this `evidence`."""

    step: int
    evidence: str
    uid: str


@dataclass(frozen=True, slots=True)
class Episode:
    """One episode of one rule.

    `key` is the same for the same episode, for ever. `step` is where it began, `cleared_step` the first one at which it
    was over, None while it lasts. `level` is the highest that it has had, since `risen` where that is not the one with
    which it began. `evidence` says what was seen, `threshold` which settings made it count, and `source`
    what they mean and where their defaults come from. `samples` are positions of samples of `uid`'s evaluation (that of
    `step`) that show it.
    """

    key: str
    rule: Rule
    level: AlertLevel
    step: int
    title: str
    evidence: str
    threshold: str
    source: str
    cause: str
    fix: str
    samples: tuple[int, ...] = ()
    uid: str = ""
    cleared_step: int | None = None
    risen: Rise | None = None

    @property
    def active(self) -> bool:
        """True while it lasts."""
        return self.cleared_step is None

    @property
    def text(self) -> str:
        """Everything but the title, in lines."""
        lines = [self.evidence, f"Likely cause: {self.cause}", f"What to do: {self.fix}"]
        if self.samples:
            places = ", ".join(map(str, self.samples))
            lines.append(f"Samples of step {self.step} that show it, as in `uimon status` and samples.jsonl: {places}.")
        return "\n".join((*lines, f"Rule {self.rule} ({self.threshold})." if self.threshold else f"Rule {self.rule}."))

    @property
    def event(self) -> Event:
        """What happened to it last."""
        if not self.active:
            return Event.CLEARED
        return Event.RAISED if self.risen is None else Event.RISEN

    @property
    def error_step(self) -> int | None:
        """The step from which on it was of the highest level; None where it never was."""
        if self.level is not AlertLevel.ERROR:
            return None
        return self.step if self.risen is None else self.risen.step

    def alert(self) -> Alert:
        """Its last event as W&B is told of it."""
        # The title of a failure names its checkpoint.
        where = "" if self.rule is Rule.CHECKPOINT_FAILED else f" (step {self.step})"
        if not self.active:
            at = "" if self.cleared_step is None else f" at step {self.cleared_step}"
            text = f"{self.title}: this began at step {self.step} and is over{at}."
            return Alert(f"{self.key}/over", AlertLevel.INFO, f"Over: {self.rule} (step {self.step})", text)
        if self.risen is not None:
            title = f"Worse: {self.title} (step {self.risen.step})"
            return Alert(f"{self.key}/risen", self.level, title, f"{self.risen.evidence}\n{self.text}")
        return Alert(self.key, self.level, f"{self.title}{where}", self.text)

    def told(self, event: Event) -> Episode:
        """The episode as it stands with this event. That it is worse than when it began is part of its beginning where
        nobody was told of that.
        """
        if event is Event.CLEARED:
            return self.ended()
        if event is Event.RISEN or self.risen is None:
            return replace(self, cleared_step=None)
        return replace(self, cleared_step=None, risen=None, evidence=f"{self.evidence} {self.risen.evidence}")

    def no_milder_than(self, before: Episode | None) -> Episode:
        """The episode with the level that it had `before`, where that was higher: a level never sinks."""
        if before is None or not before.level.is_above(self.level):
            return self
        return replace(self, level=before.level, risen=before.risen)

    def ended(self) -> Episode:
        """The episode as one that is over, also where no later step ended it: the trainer has gone back behind it."""
        return replace(self, cleared_step=self.step if self.cleared_step is None else self.cleared_step)

    def to_dict(self) -> dict[str, object]:
        """Plain values for `json.dumps`; `from_dict` reads them back."""
        return {**asdict(self), "samples": list(self.samples), "active": self.active}

    @classmethod
    def from_dict(cls, stored: JsonObject) -> Episode:
        """What `to_dict` gave; where `active` was set to false later, the episode is over.

        >>> episode = Episode("k", Rule.OVERFITTING, AlertLevel.WARN, 50, "t", "e", "", "", "c", "f", (1,), "uid")
        >>> stored = episode.to_dict()
        >>> Episode.from_dict(stored) == episode, Episode.from_dict(stored | {"active": False}).active
        (True, False)
        """
        fields = {name: value for name, value in stored.items() if name != "active"}
        rule, level, samples = Rule(fields["rule"]), AlertLevel(fields["level"]), tuple(fields["samples"])
        risen = Rise(**fields["risen"]) if fields.get("risen") else None
        episode = cls(**{**fields, "rule": rule, "level": level, "samples": samples, "risen": risen})
        return episode if stored["active"] else episode.ended()


def evaluate(history: History, settings: AlertSettings) -> tuple[Episode, ...]:
    """Every episode of a history, those that are over included, in the order of the steps at which they began."""
    return Replay(settings).evaluate(history)


class Replay:
    """`evaluate` for a history that grows: what it gives is the same, but each look is taken once.

    Looks that the history had before are not taken again while it is only longer. Where an earlier look is no longer
    what it was, all are.
    """

    def __init__(self, settings: AlertSettings) -> None:
        self._settings = settings
        self._taken = self._mark = 0
        self._track = Track()
        self._known: tuple[object, object] | None = None
        self._rules: dict[Rule, _Course] = {}

    def evaluate(self, history: History) -> tuple[Episode, ...]:
        """Every episode of the history."""
        wanted = set(Rule) - set(self._settings.silence)
        # Most looks come because time has passed, which has no part in these rules.
        if self._known != (now := (history.entries, history.arrivals)):
            self._take_looks(history, wanted)
            self._known = now
        episodes = [one for rule, course in self._rules.items() if rule in wanted for one in course.episodes]
        of_log = (*non_finite_signs(history), *log_signs(history))
        signs = (*of_log, *waiting_signs(history, self._settings), *failure_signs(history))
        episodes += [_episode(sign, self._settings) for sign in signs if sign.rule in wanted]
        order = {rule: place for place, rule in enumerate(Rule)}
        return tuple(sorted(episodes, key=lambda episode: (episode.step, order[episode.rule])))

    def _take_looks(self, history: History, wanted: set[Rule]) -> None:
        marks = [0, *look_marks(history)]
        if not self._rules or len(marks) <= self._taken or marks[self._taken] != self._mark:
            self._taken = 0
            # A rule that is silenced still keeps the one that yields to it from telling of its sign.
            needed = wanted | {_YIELDS_TO[rule] for rule in wanted if rule in _YIELDS_TO}
            self._rules = {rule: _Course(rule, self._settings) for rule in DETECTORS if rule in needed}
        for look in views(history, self._taken, self._track) if len(marks) - 1 > self._taken else ():
            for rule, course in self._rules.items():
                other = _YIELDS_TO.get(rule)
                course.look(look, free=other not in self._rules or not self._rules[other].lasts)
        self._taken, self._mark = len(marks) - 1, marks[-1]


class _Course:
    """The stretches in which one rule's sign held."""

    def __init__(self, rule: Rule, settings: AlertSettings) -> None:
        self._rule = rule
        self._settings = settings
        self._lasting: RuleResult | None = None
        self.episodes: list[Episode] = []

    @property
    def lasts(self) -> bool:
        """An episode has begun and is not over."""
        return self._lasting is not None

    def look(self, view: View, *, free: bool) -> None:
        """The next look: an episode goes on, ends or, where the rule is free to, begins."""
        if self._lasting is not None:
            if self._lasting.over(view):
                self.episodes[-1] = replace(self.episodes[-1], cleared_step=view.newest.step)
                self._lasting = None
            else:
                self.episodes[-1] = self._risen(self.episodes[-1], view)
        elif free and (found := self._sign(view)) is not None:
            self._lasting = found
            sign = Sign(self._rule, found, view.newest.step, view.newest.uid)
            self.episodes.append(replace(_episode(sign, self._settings), uid=view.newest.uid))

    def _risen(self, episode: Episode, view: View) -> Episode:
        """The episode with the level that this look shows, where that is higher."""
        if episode.level is AlertLevel.ERROR:
            return episode
        found = self._sign(replace(view, began=episode.step))
        if found is None or not found.level.is_above(episode.level):
            return episode
        return replace(episode, level=found.level, risen=Rise(view.newest.step, found.evidence, view.newest.uid))

    def _sign(self, view: View) -> RuleResult | None:
        told = view.newest.sampled or self._rule in _OF_CURVES
        return DETECTORS[self._rule](view, self._settings) if told else None


def _episode(sign: Sign, settings: AlertSettings) -> Episode:
    found, meaning = sign.result, sign.meaning or MEANINGS[sign.rule]
    return Episode(
        key=sign.key or f"{sign.rule}/{sign.step}/{hashlib.sha256(sign.identity.encode()).hexdigest()[:8]}",
        rule=sign.rule,
        level=found.level,
        step=sign.step,
        title=meaning.title,
        evidence=found.evidence,
        threshold=", ".join(f"{name} = {_shown(getattr(settings, name))}" for name in found.limits),
        source=" ".join(f"{name}: {AlertSettings.model_fields[name].description}" for name in found.limits),
        cause=meaning.cause,
        fix=meaning.fix,
        samples=found.samples,
        cleared_step=sign.cleared_step,
    )


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)
