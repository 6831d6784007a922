"""How late a reader sees what the stand-in has taken: everything alike, or each line for itself and out of order."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadLag:
    """Each history line is shown between `least` and `most` seconds after it was taken.

    Where the two differ, each line has a random moment of its own between them, drawn with `seed` as it is taken, so
    that a later line may be shown before an earlier one. `counts`: the run's last step and its number of history lines
    are told of the lines that are shown; False: of all that were taken, so that only the history itself lags.
    `summary`: the summary is shown as late as a line would be; False: at once.

    What a writer is told when it joins a run is never late: it counts its own lines from there.
    """

    least: float = 0.0
    most: float = 0.0
    seed: int = 0
    counts: bool = True
    summary: bool = True

    @classmethod
    def of(cls, seconds: float) -> ReadLag:
        """The same lag for everything."""
        return cls(seconds, seconds)

    def shown_at(self, taken: float, chance: float) -> float:
        """When what was taken at `taken` is shown; `chance` in [0, 1) is its own.

        >>> ReadLag(10.0, 30.0).shown_at(100.0, 0.5)
        120.0
        """
        return taken + self.least + chance * (max(self.most, self.least) - self.least)
