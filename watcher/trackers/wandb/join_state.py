"""How this uimon stands to the trainer's run, as it has to outlive the process: the one owner of these notes.

The names and values stand in every ledger, so they never change.
"""

from __future__ import annotations

from watcher.trackers.base import Notes

_ENDED_AS = "ended as"
_OPENED = "opened"
_FIRST_ROWS = "first rows"
_KEPT, _LOST = "kept", "lost"
_RUN_MADE = "run made"


class JoinState:
    """The notes of one run, in `notes`."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    @property
    def ended_as(self) -> str:
        """The state in which the trainer left its run, in W&B's word, kept while a session may have the run open; empty
        where that is not known.
        """
        return self._notes.recall(_ENDED_AS) or ""

    def note_ended_as(self, state: str) -> None:
        """The trainer has left its run in this state."""
        self._notes.remember(_ENDED_AS, state)

    @property
    def opened(self) -> float | None:
        """W&B's time of the last heartbeat before a session opened the run, in seconds since the epoch (0: not known);
        None where no session may have left it open.
        """
        opened = self._notes.recall(_OPENED)
        return float(opened) if opened else None

    def note_opened(self, heartbeat: float) -> None:
        """A session may open the run, of which W&B has last heard then."""
        self._notes.remember(_OPENED, repr(heartbeat))

    def note_settled(self) -> None:
        """The run is as its trainer has left it."""
        self._notes.remember(_OPENED, "")
        self._notes.remember(_ENDED_AS, "")

    @property
    def first_rows_kept(self) -> bool | None:
        """Whether the trainer's first rows were still there after its run was joined; None before that was seen."""
        said = self._notes.recall(_FIRST_ROWS)
        return None if said is None else said != _LOST

    def note_first_rows(self, *, kept: bool) -> None:
        """The trainer's first rows are still there, or some of them are gone."""
        self._notes.remember(_FIRST_ROWS, _KEPT if kept else _LOST)

    def note_made(self, begun: float) -> bool:
        """W&B's run was made then, in seconds since the epoch by W&B's clock; True where it was another one before."""
        known = self._notes.recall(_RUN_MADE)
        if known == repr(begun):
            return False
        self._notes.remember(_RUN_MADE, repr(begun))
        return known is not None
