"""Stored samples scored anew, without an engine: what an upgrade, other scorers or another theme make of them.

The samples of an evaluation go through the same code as fresh ones. What comes of it is an evaluation of its own, at
the same step and of the same time, in the suite that has the same prompts and sampling and the scorers of now; it has a
uid and a row of its own. What no scorer has a part in (perplexity, references skipped) is taken over as it is; what
tells of uimon's own work on a checkpoint (`uimon/…`) is not, since it tells of the evaluation that did it. The old
evaluation, its samples and its row stay as they are, and neither the checkpoint nor its directory is needed.

Each evaluation is one transaction: whatever ends the process, the next `uimon rescore` does what is left. To score with
the same scorers once more changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import scorers
from watcher.alerts.stored import VERSION, summary_of
from watcher.evaluation.evaluate import ENGINE_METRICS, TableLimits, eval_row, finite, sample_metrics, score_answer
from watcher.evaluation.stored_samples import whole_samples
from watcher.evaluation.suite import kept_suite, scored_by
from watcher.ledger.ledger import Evaluation, Ledger
from watcher.ledger.samples import KeptSample, StoredSample
from watcher.model import Reason, Row, RowKind, UimonError, row_uid
from watcher.system.crashpoint import crash_point

_THEME = "theme"
"""What the part of a scorer version begins with that tells of a theme."""


class Fate(StrEnum):
    """What became of an evaluation whose samples were to be scored anew."""

    RESCORED = "rescored"
    UNCHANGED = "unchanged"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Rescored:
    """An evaluation, and what became of it. `now` is the evaluation by the scorers of now: the one that was made of it,
    or the one on record already, without its samples; None where it `failed` for `reason`, which `detail` says in a
    sentence.
    """

    origin: Evaluation
    fate: Fate
    now: Evaluation | None = None
    reason: Reason | None = None
    detail: str = ""


class Rescorer:
    """Scores the evaluations of one ledger anew. `keep` false: nothing is written. `warn` is told, in sentences, of
    plug-ins that are missing, or failed; `plugins_failed` is true where one did. Raises UimonError(CONFIG_INVALID) for
    a ledger of no run.
    """

    def __init__(
        self,
        ledger: Ledger,
        plugins: Sequence[scorers.Plugin],
        theme: scorers.Theme | None,
        table: TableLimits,
        warn: Callable[[str], None],
        *,
        keep: bool = True,
    ) -> None:
        self._ledger = ledger
        self._plugins = plugins
        self._theme = theme
        self._table = table
        self._warn = warn
        self._keep = keep
        self._run = _run_of(ledger)
        suites = ((digest, kept_suite(body)) for _, digest, body in ledger.suites())
        self._suites = {digest: suite for digest, suite in suites if suite is not None}
        self._occurred = set(ledger.occurred())
        self._said: set[str] = set()
        self.plugins_failed = False

    def rescore(self, step: int | None = None) -> Iterator[Rescored]:
        """Each evaluation that an engine made (of one step, or all), in the order in which they were made."""
        for _, origin, _ in self._ledger.summaries().after(0, VERSION):
            if not origin.origin and step in (None, origin.step):
                yield self._rescored(origin)

    def _rescored(self, origin: Evaluation) -> Rescored:
        suite = self._suite_of(origin)
        if suite == origin.suite:
            return Rescored(origin, Fate.UNCHANGED, origin)
        uid = row_uid(RowKind.EVAL, self._run, origin.step, origin.digest, suite)
        known = self._ledger.evaluation(uid)
        if known is not None:
            return Rescored(origin, Fate.UNCHANGED, known)
        try:
            now, row = self._scored(origin, suite, uid)
        except UimonError as error:
            return Rescored(origin, Fate.FAILED, None, error.reason, error.sentence)
        if origin.suite not in self._suites and _same_scores(self._ledger.samples(origin.uid), now.samples):
            return Rescored(origin, Fate.UNCHANGED, origin)
        if self._keep:
            crash_point("rescore.before_commit")
            self._ledger.rescored_as(now, row, summary_of(now))
            crash_point("rescore.committed")
        self._occurred |= {name for name, value in now.metrics.items() if value and scorers.is_rare(name)}
        # A long run's answers are more than fits into memory.
        return Rescored(origin, Fate.RESCORED, replace(now, samples=()))

    def _scored(self, origin: Evaluation, suite: str, uid: str) -> tuple[Evaluation, Row]:
        """The evaluation by the scorers of now, and its row."""
        stored = self._stored(origin)
        how = (self._plugins, self._theme)
        scores = [score_answer(s.prompt_id, s.completion, s.finish_reason, *how) for s in stored]
        metrics = sample_metrics(scores, self._plugins, self._plugin_failed)
        metrics |= {name: origin.metrics[name] for name in ENGINE_METRICS if name in origin.metrics}
        samples = tuple(s.scored(score) for s, score in zip(stored, scores, strict=True))
        now = replace(origin, uid=uid, suite=suite, metrics=finite(metrics), samples=samples, origin=origin.uid)
        return now, eval_row(now, self._table, self._occurred)

    def _stored(self, origin: Evaluation) -> Sequence[StoredSample]:
        """The samples of an evaluation. Raises UimonError(SAMPLES_MISSING) where one is not there, or not whole: the
        figures of the others would be those of another set of prompts.
        """
        try:
            stored = whole_samples(self._ledger, origin)
        except LookupError as error:
            raise _missing(origin, str(error)) from None
        for position, sample in enumerate(stored):
            if lacking := sample.lacking():
                raise _missing(origin, f"its sample {position} is stored without `{lacking[0]}`")
        return stored

    def _suite_of(self, origin: Evaluation) -> str:
        """The digest of the suite that the evaluation is in once it is scored by the scorers of now."""
        suite = self._suites.get(origin.suite)
        if suite is None:
            # A ledger that was made anew from JSON lines has no prompts; what they were, their suite's digest tells.
            text = f"{origin.suite}\n{scorers.versions(self._plugins, self._theme)}"
            return hashlib.sha256(text.encode()).hexdigest()[:16]
        self._say_missing(origin.suite, suite.scorer_version)
        return scored_by(suite, self._plugins, self._theme).digest

    def _say_missing(self, suite: str, scorer_version: str) -> None:
        """Say what the suite was scored with and is not named now: figures that end may have been forgotten only."""
        before = _parts(scorer_version)
        if _THEME in before and self._theme is None:
            self._say(
                f"Suite {suite} was scored against a theme, and none is named now, so its colors are unresolved; to "
                "resolve them, name it with --theme."
            )
        for name in sorted(before - {_THEME} - {plugin.name for plugin in self._plugins}):
            self._say(
                f"Suite {suite} was also scored by the plug-in {name}, which is not named now, so its metrics end "
                "there; to go on with them, name it with --scorer."
            )

    def _plugin_failed(self, sentence: str) -> None:
        self.plugins_failed = True
        self._say(sentence)

    def _say(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            self._warn(sentence)


def _run_of(ledger: Ledger) -> str:
    run = ledger.recall("run")
    if run is None:
        sentence = (
            f"The ledger {ledger.path} is still being made: `uimon watch` has not begun its run; try again later."
        )
        raise UimonError(Reason.CONFIG_INVALID, sentence)
    return run


def _parts(scorer_version: str) -> set[str]:
    """The names of the plug-ins, and `theme` where there was one, in what `scorers.versions` gave.

    >>> sorted(_parts("3; theme 2ab0; legacy 1; mine 2 1f0c"))
    ['legacy', 'mine', 'theme']
    """
    return {identity.split(" ")[0] for identity in scorer_version.split("; ")[1:]}


def _same_scores(before: Sequence[StoredSample], now: Sequence[KeptSample]) -> bool:
    return [sample.document.get("score") for sample in before] == [sample.to_dict()["score"] for sample in now]


def _missing(origin: Evaluation, what: str) -> UimonError:
    sentence = (
        f"Step {origin.step} cannot be scored again: {what}. Its metrics stay as they are; to get others, evaluate its "
        "checkpoint again with another --state-dir."
    )
    return UimonError(Reason.SAMPLES_MISSING, sentence)
