from __future__ import annotations

from scorers.reading import Reading
from scorers.sfc.component import Component


def read_svelte(code: str) -> Reading:
    return Component(code).reading()
