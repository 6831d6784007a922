"""How tests are dealt out to several workers."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]
from xdist.workermanage import WorkerController  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]


AT_ONCE = 2
"""So many workers start engines at a time: more engines on two cores would run into their timeouts."""


class FewEngines(LoadFileScheduling):  # type: ignore[misc]
    """A file's tests stay with one worker. While enough others have engines, a worker gets a file without."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        if sum(self._has_engines(other) for other in self.nodes if other is not node) >= AT_ONCE:
            without = next((file for file in self.workqueue if not starts_engines(file)), None)
            if without is not None:
                self.workqueue.move_to_end(without, last=False)
        super()._assign_work_unit(node)

    def _has_engines(self, node: WorkerController) -> bool:
        units = self.assigned_work[node].items()
        return any(starts_engines(file) and not all(unit.values()) for file, unit in units)


@cache
def text_of(file: str) -> str:
    """A test file's text; `file` is a path in the repository."""
    return (ROOT / file).read_text("utf-8")


def starts_engines(file: str) -> bool:
    """True for a file with a test that starts an engine."""
    return "mark.engine" in text_of(file)


def turn(item: pytest.Item) -> tuple[int, int]:
    """Files that start engines come first, then those that start other processes or servers; the larger before the
    smaller. Dealt out in this order the last ones are short, and no worker is left alone with a long file.
    """
    file = item.nodeid.partition("::")[0]
    text = text_of(file)
    waits = any(word in text for word in ("Standin", "subprocess", "Uimon"))
    return 0 if starts_engines(file) else 1 if waits else 2, -len(text)
