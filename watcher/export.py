"""The evaluations as JSON lines beside the ledger, for readers that do not speak SQLite or W&B.

`evaluations.jsonl` has one line for each evaluation, `samples.jsonl` one for each sample with its completion.
"""

from __future__ import annotations

import logging

from watcher.ledger import Evaluation, Ledger
from watcher.publish.jsonl import append_records, read_records
from watcher.statedir import StateDir

log = logging.getLogger("uimon")


class Exporter:
    """Appends what the ledger has and the files have not."""

    def __init__(self, ledger: Ledger, state: StateDir) -> None:
        self._ledger = ledger
        self._state = state
        self._written: set[tuple[str, int]] | None = None

    def export(self) -> int:
        """Bring the files up to date; returns how many evaluations were added."""
        due = self._ledger.evaluations(exported=False)
        try:
            for evaluation in due:
                self._export(evaluation)
                self._ledger.mark_exported(evaluation.uid)
        except OSError as error:
            # Whole lines may have been written before the disk was full.
            self._written = None
            log.warning(
                "%s cannot be written now (%s); the ledger has it all.", self._state.evaluations, error.strerror
            )
            return 0
        return len(due)

    def _export(self, evaluation: Evaluation) -> None:
        written = self._already_written()
        samples = [
            {"uid": evaluation.uid, "step": evaluation.step, "position": position, **sample}
            for position, sample in enumerate(self._ledger.samples(evaluation.uid))
            if (evaluation.uid, position) not in written
        ]
        append_records(self._state.samples, samples)
        if (evaluation.uid, -1) not in written:
            body = {
                "uid": evaluation.uid,
                "step": evaluation.step,
                "name": evaluation.name,
                "digest": evaluation.digest,
                "suite": evaluation.suite,
                "at": evaluation.at,
                "metrics": dict(evaluation.metrics),
                "origin": evaluation.origin or None,
            }
            append_records(self._state.evaluations, [body])

    def _already_written(self) -> set[tuple[str, int]]:
        """Lines that an earlier process wrote before it could say so in the ledger; it is read once."""
        if self._written is None:
            self._written = {(str(r["uid"]), int(r["position"])) for r in read_records(self._state.samples)}
            self._written |= {(str(r["uid"]), -1) for r in read_records(self._state.evaluations)}
        return self._written
