"""How tests are dealt out to several workers."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]


class TwoEngines(LoadFileScheduling):  # type: ignore[misc]
    """A file's tests stay with one worker. Files that start engines stay together too, in two groups: more than two
    engines at a time would run into their timeouts on two cores."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if "mark.engine" not in text_of(file):
            return file
        return "engines of tests/engine" if file.startswith("tests/engine/") else "engines of other rooms"


@cache
def text_of(file: str) -> str:
    """A test file's text; `file` is a path in the repository."""
    return (ROOT / file).read_text("utf-8")


def cost(item: pytest.Item) -> int:
    """0 for tests that start engines, 1 for those of files that start other processes or servers, 2 for the others.

    Dealt out in this order the last ones are short, and no worker is left alone with a long file.
    """
    text = text_of(item.nodeid.partition("::")[0])
    if "mark.engine" in text:
        return 0
    return 1 if any(word in text for word in ("Standin", "subprocess", "Uimon")) else 2
