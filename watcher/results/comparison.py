"""Which checkpoint is best, and what training has changed: questions to the ledger's history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from watcher.alerts import Entry, Episode
from watcher.alerts.baseline import Delta, compare
from watcher.alerts.best import ORDER, Best, Criterion, best
from watcher.ledger.ledger import Ledger
from watcher.ledger.state_dir import StateDir
from watcher.model import Reason, UimonError
from watcher.service.history import LedgerHistory
from watcher.settings.arguments import shown, trouble_of, whole_number


@dataclass(frozen=True, slots=True)
class BaselineComparison:
    """The evaluation of `step` against that of `baseline`, as it is called."""

    step: int
    baseline: str
    deltas: tuple[Delta, ...]

    def to_dict(self) -> dict[str, object]:
        """Plain values for `json.dumps`."""
        deltas = [asdict(delta) | {"change": delta.change, "clear": delta.clear} for delta in self.deltas]
        return {"step": self.step, "baseline": self.baseline, "deltas": deltas}


def criteria(names: str) -> tuple[Criterion, ...]:
    """What `--best-by` names, separated by commas. Raises UimonError(CONFIG_INVALID) for a name that is none.

    >>> criteria("perplexity, validity")
    (<Criterion.PERPLEXITY: 'perplexity'>, <Criterion.VALIDITY: 'validity'>)
    """
    known = {criterion.value: criterion for criterion in Criterion}
    wanted = [name.strip() for name in names.split(",")]
    if unknown := [name for name in wanted if name not in known]:
        sentence = (
            f"--best-by does not know {unknown[0]!r}; give one or more of {', '.join(known)}, the most "
            "important one first."
        )
        raise UimonError(Reason.CONFIG_INVALID, sentence)
    return tuple(known[name] for name in wanted)


def best_of(ledger: Ledger, order: Sequence[Criterion] = ORDER) -> Best | None:
    """The best checkpoint of the suite that was evaluated last; None before the first evaluation."""
    entries = _entries(ledger)
    return best(entries, order, _collapsed(ledger, entries))


def _collapsed(ledger: Ledger, entries: Sequence[Entry]) -> dict[int, str]:
    """The steps at which a warning of the highest level lasted, with the rule."""
    episodes = [Episode.from_dict(episode) for episode in ledger.episodes().all()]
    return {
        entry.step: episode.rule
        for entry in entries
        for episode in episodes
        if episode.error_step is not None
        and episode.error_step <= entry.step
        and (episode.cleared_step is None or entry.step < episode.cleared_step)
    }


def compared_with(ledger: Ledger, baseline: str) -> BaselineComparison:
    """The newest step against a baseline: a step of this ledger (`0` is the base model), or the newest step of the
    ledger in another run's state directory.

    Raises UimonError(CONFIG_INVALID) where there is no such evaluation.
    """
    entries = _entries(ledger)
    if not entries:
        raise UimonError(Reason.CONFIG_INVALID, "Nothing is evaluated yet, so there is nothing to compare.")
    newest = entries[-1]
    if (step := whole_number(baseline)) is not None:
        found = [entry for entry in entries if entry.step == step]
        name = f"step {baseline}"
    else:
        place = StateDir(Path(baseline))
        if trouble := trouble_of(place.root):
            raise UimonError(Reason.CONFIG_INVALID, f"--baseline cannot be {shown(baseline)}: {trouble}.")
        if not place.ledger.is_file():
            sentence = f"--baseline {baseline} is neither a step nor a state directory with a ledger."
            raise UimonError(Reason.CONFIG_INVALID, sentence)
        other = Ledger(place.ledger, read_only=True)
        found = _entries(other)
        name = f"step {found[-1].step} of run {other.recall('run')}" if found else baseline
        other.close()
    if not found:
        known = ", ".join(str(entry.step) for entry in entries)
        raise UimonError(Reason.CONFIG_INVALID, f"There is no evaluation of {name}; this run has: {known}.")
    return BaselineComparison(newest.step, name, compare(newest, found[-1]))


def _entries(ledger: Ledger) -> list[Entry]:
    """What holds now, by step: where the trainer has gone back, what it had done after that step is no part of it."""
    return list(LedgerHistory(ledger).current())
