"""Opening a ledger beside its JSON lines: what one of the two has lost comes from the other, and is said.

| what is found at the start                         | what becomes of it                                            |
|----------------------------------------------------|---------------------------------------------------------------|
| no ledger, or an empty one, beside JSON lines      | it is made of them                                            |
| a ledger that is damaged, down to a single byte    | it is set aside and made anew of them                         |
| a journal that is damaged or gone, an older backup | what the lines have and it lacks is taken from them           |
| JSON lines that are damaged, doubled or missing    | the file is set aside and written anew from the ledger        |
| both                                               | what is whole in the lines is kept; how many are lost is said |

A ledger that lacks something may not know of rows that were sent either: the run is surveyed before anything is sent.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeGuard

import scorers
from scorers.sample import SampleError
from watcher.evaluation.evaluate import TableLimits, eval_row
from watcher.ledger.export import Exporter, ranges_of
from watcher.ledger.jsonl import parse_record, read_records
from watcher.ledger.ledger import Evaluation, Ledger
from watcher.ledger.samples import StoredSample
from watcher.ledger.state_dir import StateDir, set_aside
from watcher.model import LAST_STEP, JsonObject, Reason, Row, RowKind, Target, UimonError, row_uid
from watcher.settings.arguments import trouble_of
from watcher.system.files import whole

_MOST_SAMPLES: Final = 2**31
"""Of one evaluation, far above what the settings allow."""


@dataclass(slots=True)
class _Lines:
    """What `evaluations.jsonl` holds beyond what is `known` by the uid: `evaluations` of `run`, without their samples;
    how many are of another run, by their uids; how many lines are damaged, or there again. `seen` are all uids.
    """

    run: str
    known: frozenset[str]
    seen: set[str] = field(default_factory=set)
    evaluations: dict[str, Evaluation] = field(default_factory=dict)
    foreign: int = 0
    damaged: int = 0
    doubled: int = 0

    @classmethod
    def read(cls, path: Path, run: str, known: frozenset[str] = frozenset()) -> _Lines:
        lines = cls(run, known)
        for record in read_records(path):
            lines._take(None if record is None else _evaluation(record))
        return lines

    def _take(self, found: Evaluation | None) -> None:
        if found is None:
            self.damaged += 1
        elif found.uid in self.seen:
            self.doubled += 1
        else:
            self.seen.add(found.uid)
            if found.uid in self.known:
                return
            if found.uid == row_uid(RowKind.EVAL, self.run, found.step, found.digest, found.suite):
                self.evaluations[found.uid] = found
            else:
                self.foreign += 1


def open_ledger(
    state: StateDir, run: str, table: TableLimits, say: Callable[[str], None], followups: Collection[str] = ()
) -> Ledger:
    """The ledger of `run` in the state directory. `say` is told, in a sentence each, what was damaged or missing, under
    which name it was set aside, and what was saved. `followups` are the kinds of work that follow an evaluation.

    Raises UimonError as `Ledger` does for everything but damage, CONFIG_INVALID where the JSON lines of a lost ledger
    are those of another run, and STATE_DIR_UNUSABLE for what is no file.
    """
    for file in (state.ledger, state.evaluations, state.samples):
        if file.exists() and not file.is_file():
            sentence = f"{file} is not a file; move it away, or choose another --state-dir."
            raise UimonError(Reason.STATE_DIR_UNUSABLE, sentence)
    if lost := _missing(state):
        return _made_anew(state, run, table, say, lost, followups)
    try:
        ledger = _opened_whole(state)
    except UimonError as error:
        if error.reason is not Reason.LEDGER_DAMAGED or not state.ledger.is_file():
            raise
        return _made_anew(state, run, table, say, error.sentence, followups)
    try:
        if ledger.recall("run") in (None, run):
            lines = _Lines.read(state.evaluations, run, ledger.uids())
            _catch_up(ledger, state, lines, table, say, followups)
            _mend_lines(ledger, state, lines, say)
    except BaseException:
        ledger.close()
        raise
    return ledger


def _opened_whole(state: StateDir) -> Ledger:
    ledger = Ledger(state.ledger)
    try:
        ledger.require_whole()
    except BaseException:
        ledger.close()
        raise
    return ledger


def _missing(state: StateDir) -> str:
    """That there is no ledger where there was one, in a sentence; else empty."""
    if not state.evaluations.exists() or not state.evaluations.stat().st_size:
        return ""
    if not state.ledger.exists():
        return f"The ledger {state.ledger} is missing."
    return f"The ledger {state.ledger} is empty." if state.ledger.stat().st_size == 0 else ""


def _made_anew(
    state: StateDir, run: str, table: TableLimits, say: Callable[[str], None], lost: str, followups: Collection[str]
) -> Ledger:
    lines = _Lines.read(state.evaluations, run)
    if lines.foreign and not lines.evaluations:
        sentence = f"{lost} {state.evaluations} belongs to another run than {run}; give this run its own --state-dir."
        raise UimonError(Reason.CONFIG_INVALID, sentence)
    aside = _set_aside(state.ledger)
    # Under another name, so that one which was not finished is never taken for it.
    draft = state.ledger.with_name(f"{state.ledger.name}.rebuilding")
    for file in _files_of(draft):
        file.unlink(missing_ok=True)
    making = Ledger(draft)
    with making.change():
        _restore(making, state, lines.evaluations.values(), table, followups)
        for target in Target:
            making.outbox(target).survey_again()
    making.close()
    draft.rename(state.ledger)
    ledger = Ledger(state.ledger)
    gone = ""
    if lines.damaged:
        gone = (
            f" {lines.damaged} lines of that file cannot be read, and what they held is lost: uimon evaluates their "
            "checkpoints again if these still exist."
        )
    moved = f"It was set aside as {aside}, and a" if aside else "A"
    say(
        f"{lost} {moved} new ledger was made from {state.evaluations.name}: it keeps {len(lines.evaluations)} "
        "evaluations, and uimon reads the checkpoints that still exist again. It does not repeat their early "
        f"warnings.{gone}"
    )
    _mend_lines(ledger, state, lines, say)
    return ledger


def _files_of(ledger: Path) -> list[Path]:
    """The database and its journals."""
    return [ledger.with_name(ledger.name + suffix) for suffix in ("", "-wal", "-shm")]


def _set_aside(ledger: Path) -> str:
    """Move the ledger, whatever state it is in, to a name of its own, which is returned; empty where there is none."""
    there = ledger.exists()
    moved = [set_aside(file).name for file in _files_of(ledger) if file.exists()]
    return moved[0] if there else ""


def _catch_up(
    ledger: Ledger,
    state: StateDir,
    lines: _Lines,
    table: TableLimits,
    say: Callable[[str], None],
    followups: Collection[str],
) -> None:
    """Take what the lines have and the ledger lacks: it is older than they are."""
    if not lines.evaluations and not ledger.behind:
        return
    with ledger.change():
        _restore(ledger, state, lines.evaluations.values(), table, followups)
        for target in Target:
            ledger.outbox(target).survey_again()
    why = "its journal is damaged or gone" if ledger.behind else "it is an older one than they are"
    say(
        f"The ledger {ledger.path} lacks the newest entries ({why}): uimon took {len(lines.evaluations)} evaluations "
        f"from {state.evaluations.name}, and asks W&B which rows it has. It does not repeat earlier warnings."
    )


def _mend_lines(ledger: Ledger, state: StateDir, lines: _Lines, say: Callable[[str], None]) -> None:
    """Write the JSON lines anew where they are not what the ledger has."""
    exporter = Exporter(ledger, state)
    wrong = {
        "that cannot be read": lines.damaged,
        "that are there twice": lines.doubled,
        "of another run": lines.foreign,
        "that are missing": len(ledger.uids(exported=True) - lines.seen),
    }
    if any(wrong.values()):
        aside = set_aside(state.evaluations) if state.evaluations.exists() else None
        exporter.write_evaluations_anew()
        found = ", ".join(f"{count} lines {what}" for what, count in wrong.items() if count)
        moved = f"; the old file is {aside.name}" if aside else ""
        say(f"{state.evaluations} was rewritten from the ledger: it had {found}{moved}.")
    if exporter.mend_samples():
        say(f"{state.samples} was rewritten from the ledger: it had lost lines.")


def _restore(
    ledger: Ledger,
    state: StateDir,
    evaluations: Collection[Evaluation],
    table: TableLimits,
    followups: Collection[str],
) -> None:
    """Put the evaluations into the ledger with what is there of their samples, one at a time: together these are more
    than fits into memory.
    """
    places = ranges_of(state.samples, (evaluation.uid for evaluation in evaluations))
    occurred = set(ledger.occurred())
    for evaluation in evaluations:
        samples = dict(_samples(state.samples, places.get(evaluation.uid, ())))
        full = replace(evaluation, samples=tuple(samples[place] for place in sorted(samples)))
        occurred |= {name for name, value in full.metrics.items() if value and scorers.is_rare(name)}
        ledger.restore(full, _row(full, table, occurred), followups)
    ledger.note_restored()


def _samples(path: Path, places: Collection[tuple[int, int]]) -> Iterator[tuple[int, StoredSample]]:
    """Each sample that lies there whole, with its position."""
    if not places:
        return
    with path.open("rb") as file:
        for offset, length in places:
            file.seek(offset)
            for line in file.read(length).splitlines():
                record = parse_record(line)
                position = whole(record.get("position"), _MOST_SAMPLES) if record is not None else None
                if record is not None and position is not None:
                    kept = {key: value for key, value in record.items() if key not in ("uid", "step", "position")}
                    yield position, StoredSample(kept)


def _row(evaluation: Evaluation, table: TableLimits, occurred: Collection[str]) -> Row:
    """The row that is due; without its table where a sample cannot be read back."""
    try:
        return eval_row(evaluation, table, occurred)
    except SampleError:
        return eval_row(replace(evaluation, samples=()), table, occurred)


def _evaluation(line: JsonObject) -> Evaluation | None:
    """A line of `evaluations.jsonl`; None where it lacks something, or holds what the ledger cannot."""
    step, metrics, at = whole(line.get("step"), LAST_STEP), line.get("metrics"), line.get("at")
    texts: list[Any] = [line.get(key) for key in ("uid", "suite", "name", "digest")]
    texts.append(line.get("origin") or "")
    if step is None or at is None or not isinstance(metrics, Mapping) or not _is_number(at):
        return None
    if not all(isinstance(text, str) and not trouble_of(text) for text in texts):
        return None
    if not all(map(_is_metric, metrics)):
        return None
    if not all(value is None or _is_number(value) for value in metrics.values()):
        return None
    uid, suite, name, digest, origin = texts
    return Evaluation(uid, step, suite, metrics, (), float(at), name, digest, origin=origin)


# The same hundred names stand in each of thousands of lines.
@lru_cache(maxsize=1024)
def _is_metric(name: str) -> bool:
    return not trouble_of(name)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
