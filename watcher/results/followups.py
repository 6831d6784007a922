"""How the work that follows evaluations stands, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from watcher.ledger.followups import Queued
from watcher.model import FollowupState


def followup_lines(queue: Sequence[Queued]) -> list[str]:
    """How many of each kind are done and wait, in a line, and a line for each that failed; none where there is no work.

    >>> followup_lines([Queued("u", "render", 50, "checkpoint-50", FollowupState.DONE, 0.0)])
    ['Follow-ups: render 1 done, 0 wait, 0 failed.']
    """
    counts = Counter((work.kind, _SHOWN[work.state]) for work in queue)
    shown = [
        f"{kind} " + ", ".join(f"{counts[kind, state]} {state}" for state in ("done", "wait", "failed"))
        for kind in sorted({work.kind for work in queue})
    ]
    failed = [
        f"{work.kind} of {work.name} failed ({work.reason}): {work.detail} `uimon retry {work.step}` takes it up again."
        for work in queue
        if work.state is FollowupState.FAILED
    ]
    return [f"Follow-ups: {'; '.join(shown)}.", *failed] if queue else []


_SHOWN = {
    FollowupState.DUE: "wait",
    FollowupState.RUNNING: "wait",
    FollowupState.DONE: "done",
    FollowupState.FAILED: "failed",
}
