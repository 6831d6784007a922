"""Work that follows an evaluation, is slow, or may fail: the seam, and which kinds of it are in force.

An evaluation is committed with a line of a queue (`watcher.ledger.followups`) for each kind in force. One thread of the
service (`watcher.service.followups`) takes the lines, the oldest first; what comes of one is a row of its own in the
run. Nothing else waits for it: generation goes on, and the evaluation's row and the warnings are out as soon as ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from watcher.ledger.rows import Evaluation
from watcher.ledger.samples import StoredSample
from watcher.model import Reason, UimonError
from watcher.settings.config import Settings


class Retryable(UimonError):
    """It may go better later: in `after` seconds, or, where that is None, after a pause that grows with each attempt.
    The attempts are bounded all the same.
    """

    def __init__(self, reason: Reason, sentence: str, after: float | None = None) -> None:
        super().__init__(reason, sentence)
        self.after = after


class Refused(UimonError):
    """It will not go better: this evaluation gets no such metrics, and `uimon retry STEP` alone tries again."""


class Followup(Protocol):
    """One kind of work. `run` is called from one thread; it keeps its own limits of time and memory, and leaves no
    process behind.
    """

    @property
    def kind(self) -> str:
        """One word, for ever: it is part of the rows' uids and of the metrics' names."""
        ...

    def run(self, evaluation: Evaluation, samples: Sequence[StoredSample]) -> Mapping[str, float | None]:
        """What is found about an evaluation and all its samples: metrics named `eval/KIND/…`, None where undefined.

        Raises Retryable and Refused; what failed is never a number. Also asked again for the same evaluation where the
        process died before the answer was kept.
        """
        ...

    def interrupt(self) -> None:
        """Make what `run` does end soon, however, and everything later; called from another thread."""
        ...


def in_force(settings: Settings) -> tuple[Followup, ...]:  # noqa: ARG001
    """The kinds of work that follow the evaluations of a run with these settings."""
    return ()
