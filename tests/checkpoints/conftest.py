"""Checkpoints made by hand, and what a visitor would have changed in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.checkpoint_files import Maker


@pytest.fixture
def make() -> Maker:
    return Maker()


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    path.mkdir()
    return path


@pytest.fixture
def snapshot() -> Callable[[Path], dict[str, tuple[int, ...]]]:
    """A function that notes every entry below a directory: what a visitor would have changed shows."""

    def take(root: Path) -> dict[str, tuple[int, ...]]:
        entries = [root, *sorted(root.rglob("*"))]
        stats = ((str(e), e.lstat()) for e in entries)
        return {name: (s.st_mtime_ns, s.st_ctime_ns, s.st_size, s.st_ino, s.st_mode, s.st_nlink) for name, s in stats}

    return take
