"""The evaluations as JSON lines beside the ledger, for readers that do not speak SQLite or W&B, and for a ledger that
has to be made anew.

`evaluations.jsonl` has one line for each evaluation, `samples.jsonl` one for each sample with its completion, as long
as samples are kept (`--keep-samples`).
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watcher.ledger.jsonl import append_records, read_records
from watcher.ledger.ledger import Evaluation, Ledger
from watcher.ledger.state_dir import StateDir, set_aside
from watcher.model import Reason, UimonError

log = logging.getLogger("uimon")

_UID: Final = re.compile(rb'\{"uid": "([^"\\]+)"')
_SIZE: Final = "bytes of "
"""The ledger's name for how long a file was when the last evaluation had been written."""


class Exporter:
    """Appends what the ledger has and the files have not. `keep`: of how many evaluations, the newest ones, samples are
    kept; None: of all.
    """

    def __init__(self, ledger: Ledger, state: StateDir, keep: int | None = None) -> None:
        self._ledger = ledger
        self._state = state
        self._keep = keep
        self._written: set[tuple[str, int]] | None = None

    def export(self) -> int:
        """Bring the files up to date; returns how many evaluations were added."""
        due = self._ledger.evaluations(exported=False)
        try:
            for evaluation in due:
                self._export(evaluation)
                self._mark(evaluation)
            self._drop()
        except OSError as error:
            # Whole lines may have been written before the disk was full.
            self._written = None
            log.warning(
                "%s cannot be written now (%s); nothing is lost, since the ledger holds everything.",
                self._state.evaluations,
                error.strerror,
            )
            return 0
        return len(due)

    def write_evaluations_anew(self) -> None:
        """A new `evaluations.jsonl` of all that had been exported, in the place of the one that is there."""
        draft = _draft(self._state.evaluations)
        done = sorted(self._ledger.evaluations(exported=True), key=lambda evaluation: evaluation.at)
        append_records(draft, (_line(evaluation) for evaluation in done))
        if draft.exists():
            draft.replace(self._state.evaluations)
        self._remember(self._state.evaluations)

    def mend_samples(self) -> bool:
        """Write `samples.jsonl` anew where it is shorter than it was; True where that was so."""
        if _size(self._state.samples) >= self._known(self._state.samples):
            return False
        set_aside(self._state.samples)
        kept = {uid for uid, _ in self._ledger.with_samples()}
        for evaluation in self._ledger.evaluations(exported=True):
            if evaluation.uid in kept:
                append_records(self._state.samples, self._samples(evaluation))
        self._remember(self._state.samples)
        return True

    def _export(self, evaluation: Evaluation) -> None:
        written = self._already_written()
        samples = (s for s in self._samples(evaluation) if (evaluation.uid, s["position"]) not in written)
        append_records(self._state.samples, samples)
        if (evaluation.uid, -1) not in written:
            append_records(self._state.evaluations, [_line(evaluation)])

    def _samples(self, evaluation: Evaluation) -> Iterable[Mapping[str, object]]:
        for position, sample in enumerate(self._ledger.samples(evaluation.uid)):
            yield {"uid": evaluation.uid, "step": evaluation.step, "position": position, **sample.document}

    def _mark(self, evaluation: Evaluation) -> None:
        with self._ledger.change():
            self._ledger.mark_exported(evaluation.uid)
            for file in (self._state.samples, self._state.evaluations):
                self._remember(file)

    def _already_written(self) -> set[tuple[str, int]]:
        """Lines that an earlier process wrote before it could say so in the ledger: behind what that knows of."""
        if self._written is None:
            # Of thousands of evaluations few are due.
            due = {evaluation.uid for evaluation in self._ledger.evaluations(exported=False)}
            self._written = {
                (str(line["uid"]), int(line.get("position", -1)))
                for file in (self._state.samples, self._state.evaluations)
                for line in read_records(file, self._known(file))
                if line is not None and line.get("uid") in due
            }
        return self._written

    def _drop(self) -> None:
        """Drop the samples that are not to be kept. The file is written anew once it holds twice what it has to."""
        if self._keep is None:
            return
        self._ledger.drop_samples(self._keep)
        kept = {uid.encode() for uid, _ in self._ledger.with_samples()}
        if len(_uids(self._state.samples) - kept) > len(kept):
            draft = _draft(self._state.samples)
            _copy_lines(self._state.samples, draft, kept)
            draft.replace(self._state.samples)
            self._remember(self._state.samples)

    def _known(self, file: Path) -> int:
        return int(self._ledger.recall(f"{_SIZE}{file.name}") or 0)

    def _remember(self, file: Path) -> None:
        self._ledger.remember(f"{_SIZE}{file.name}", str(_size(file)))


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of a run, in bytes: the ledger, the JSON lines, and the answers of each evaluation in the ledger;
    of how many `evaluations` these are kept.
    """

    ledger_bytes: int
    jsonl_bytes: int
    answers_bytes: int
    evaluations: int
    with_answers: int

    @property
    def sentence(self) -> str:
        """It for a person."""
        each = self.answers_bytes / self.with_answers if self.with_answers else 0
        answers = f"{_human(each)} of answers for each of {self.with_answers} of {self.evaluations} evaluations"
        return f"Stored: ledger {_human(self.ledger_bytes)}, with {answers}; JSON lines {_human(self.jsonl_bytes)}."


def stored(ledger: Ledger, state: StateDir) -> Stored:
    """What is stored in the state directory, but for the engine's files and staged checkpoints."""
    sizes = [size for _, size in ledger.with_samples()]
    journal = state.ledger.with_name(f"{state.ledger.name}-wal")
    return Stored(
        _size(state.ledger) + _size(journal),
        _size(state.evaluations) + _size(state.samples),
        sum(sizes),
        len(ledger.uids()),
        len(sizes),
    )


def _human(size: float) -> str:
    """
    >>> _human(850), _human(36_400), _human(551_000_000)
    ('850 B', '36 kB', '551 MB')
    """
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def parse_keep(text: str) -> int | None:
    """Of how many evaluations samples are kept, as `--keep-samples` says it; None: of all. Raises UimonError.

    >>> parse_keep("all"), parse_keep("last:10"), parse_keep("none")
    (None, 10, 0)
    """
    if text == "all":
        return None
    if text == "none":
        return 0
    if newest := re.fullmatch("last:([1-9][0-9]{0,8})", text):
        return int(newest[1])
    sentence = f"--keep-samples cannot be {text!r}; write all, last:K (the K newest evaluations), or none."
    raise UimonError(Reason.CONFIG_INVALID, sentence)


def ranges_of(path: Path, wanted: Iterable[str]) -> dict[str, list[tuple[int, int]]]:
    """Where in `samples.jsonl` the lines of these evaluations lie: by uid, (offset, length) in bytes of lines that
    follow each other. The file, which may be larger than the memory, is only passed through.
    """
    uids = {uid.encode(): uid for uid in wanted}
    found: dict[str, list[tuple[int, int]]] = {}
    if not uids or not path.exists():
        return found
    with path.open("rb") as lines:
        place = 0
        for line in lines:
            named = _UID.match(line)
            if named is not None and (uid := uids.get(named[1])) is not None:
                ranges = found.setdefault(uid, [])
                if ranges and sum(ranges[-1]) == place:
                    ranges[-1] = (ranges[-1][0], ranges[-1][1] + len(line))
                else:
                    ranges.append((place, len(line)))
            place += len(line)
    return found


def _line(evaluation: Evaluation) -> dict[str, object]:
    return {
        "uid": evaluation.uid,
        "step": evaluation.step,
        "name": evaluation.name,
        "digest": evaluation.digest,
        "suite": evaluation.suite,
        "at": evaluation.at,
        "metrics": dict(evaluation.metrics),
        "origin": evaluation.origin or None,
    }


def _uids(path: Path) -> set[bytes]:
    if not path.exists():
        return set()
    with path.open("rb") as lines:
        return {named[1] for line in lines if (named := _UID.match(line))}


def _copy_lines(source: Path, target: Path, uids: set[bytes]) -> None:
    with source.open("rb") as lines, target.open("wb") as kept:
        kept.writelines(line for line in lines if (named := _UID.match(line)) and named[1] in uids)
        kept.flush()
        os.fsync(kept.fileno())


def _draft(path: Path) -> Path:
    """Where a file is written before it takes the place of the one that is there."""
    draft = path.with_name(f"{path.name}.draft")
    draft.unlink(missing_ok=True)
    return draft


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
