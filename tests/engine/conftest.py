"""Tiny checkpoints, built once, and the one engine that most tests share: starting one takes many seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.tiny_engine import BUILDER, Shared, outputs
from tests.talks import talk
from watcher.engine import (
    Conversation,
    EngineSettings,
    VllmEngine,
)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with all the tiny checkpoints."""
    root = tmp_path_factory.mktemp("tiny")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, str(BUILDER), str(root)], check=True, capture_output=True, env=environment)
    return root


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> EngineSettings:
    return EngineSettings(
        state_dir=tmp_path_factory.mktemp("engine"), max_num_seqs=8, max_model_len=256, nice=0, dtype="auto"
    )


@pytest.fixture(scope="session")
def conversations() -> tuple[Conversation, ...]:
    asked = ("a pricing page", "a login form", "a hero section", "a footer", "a table of users")
    reference = "<div class='flex items-center'>Hello</div>"
    return tuple(
        talk(f"c{number}", (("user", f"Make {what}."),), reference * (number + 1)) for number, what in enumerate(asked)
    )


@pytest.fixture(scope="session")
def shared(settings: EngineSettings, tiny: Path, conversations: tuple[Conversation, ...]) -> Iterator[Shared]:
    """The shared engine, its way of changing weights proved. A test that kills the host costs the next a start."""
    with VllmEngine(settings) as engine:
        rendered = engine.render(tiny / "untied-a", conversations)
        first = engine.load(tiny / "untied-a", "a")
        on_a = outputs(engine, first, rendered)
        second = engine.load(tiny / "untied-b", "b")
        yield Shared(engine, rendered, (first, second), on_a, outputs(engine, second, rendered))
