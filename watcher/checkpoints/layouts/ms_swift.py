"""ms-swift: each start gets a directory of its own in the run's, of which the newest is the run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from watcher.checkpoints.layouts.layout import Folders, Layout

_START = re.compile(r"v(?P<version>[0-9]{1,6})-[0-9]{8}-[0-9]{6}")


# A directory of thousands of checkpoints is listed every few seconds, and mostly has the names that it had before.
@lru_cache(maxsize=8)
def newest_start(folders: Folders) -> str | None:
    """The directory of the last start: earlier ones are other runs.

    >>> newest_start(("checkpoint-5", "v10-20261124-101500", "v9-20261121-090000"))
    'v10-20261124-101500'
    """
    starts = [(int(match["version"]), name) for name in folders if (match := _START.fullmatch(name))]
    return max(starts)[1] if starts else None


def in_newest_start(layouts: Iterable[Layout]) -> tuple[Layout, ...]:
    """The same layouts for checkpoints in that directory: ms-swift trains with the Trainer, and with Megatron."""
    return tuple(replace(layout, start=newest_start) for layout in layouts)
