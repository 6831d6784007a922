"""What a run directory shows over time."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from tests.support.checkpoint_files import write_checkpoint
from watcher.checkpoints import DirectoryWaker, named
from watcher.checkpoints.sources.local import _TURNS, DirectorySource, ListSource
from watcher.checkpoints.sources.source import NONE_AWAITED, Awaited
from watcher.model import Checkpoint, Condition


class Run:
    """A run directory, and a source on it whose clock somebody moves."""

    def __init__(self, root: Path) -> None:
        self.now = 0.0
        self.source = DirectorySource(root, DirectoryWaker(root), clock=lambda: self.now)

    def look(self, after: float = 0.0, awaited: Awaited = NONE_AWAITED) -> dict[str, tuple[str, int]]:
        self.now += after
        seen = self.source.look(awaited)
        assert seen is not None
        return {found.name: (str(found.condition), found.step) for found in seen}


def plain(path: Path, step: int) -> Path:
    """A checkpoint without a state or a marker, written now."""
    write_checkpoint(path.parent, step).rename(path)
    (path / "trainer_state.json").unlink()
    return path


def test_silence_is_timed_from_the_last_change(tmp_path: Path) -> None:
    run = Run(tmp_path)
    path = plain(tmp_path / "step_5", 5)
    assert run.look() == {"step_5": ("partial", 5)}
    assert run.look(59) == {"step_5": ("partial", 5)}
    (path / "notes.txt").write_text("more")
    (path / "latest").symlink_to("nowhere")
    assert run.look(59) == {"step_5": ("partial", 5)}
    assert run.look(60) == {"step_5": ("complete", 5)}
    assert run.look(60) == {}
    run.source.forget("step_5")
    assert run.look() == {"step_5": ("partial", 5)}


def test_what_was_written_long_ago_is_not_waited_for(tmp_path: Path) -> None:
    path = plain(tmp_path / "step_5", 5)
    for file in path.iterdir():
        os.utime(file, (1000, 1000))
    assert Run(tmp_path).look() == {"step_5": ("complete", 5)}


@pytest.mark.parametrize("apart", [-86_400, 86_400])
def test_a_trainers_clock_decides_nothing(tmp_path: Path, apart: int) -> None:
    """Neither is half a checkpoint taken for a whole one, nor a whole one waited for without end."""
    run = Run(tmp_path)
    assert run.look() == {}

    def write(path: Path, value: int, at: float) -> None:
        for file in write_checkpoint(path.parent, 5, value=value).iterdir():
            os.utime(file, (at, at))

    there = time.time() + apart
    for name, at in (("model.safetensors", there), ("config.json", there)):
        source = write_checkpoint(tmp_path / "elsewhere", 7) / name
        os.utime(source, (at, at))
        (tmp_path / "step_7").mkdir(exist_ok=True)
        source.rename(tmp_path / "step_7" / name)
    write(tmp_path / "checkpoint-5", 1, there)
    assert run.look() == {"step_7": ("partial", 7), "checkpoint-5": ("complete", 5)}
    # Its weights are written again, and then its state.
    write(tmp_path / "checkpoint-5", 2, there + 10)
    os.utime(tmp_path / "checkpoint-5" / "trainer_state.json", (there, there))
    assert run.look(1) == {"step_7": ("partial", 7), "checkpoint-5": ("partial", 5)}
    os.utime(tmp_path / "checkpoint-5" / "trainer_state.json", (there + 11, there + 11))
    assert run.look(60) == {"step_7": ("complete", 7), "checkpoint-5": ("complete", 5)}


def test_a_model_in_the_run_directory_is_seen_whatever_its_age(tmp_path: Path) -> None:
    run = Run(tmp_path)
    checkpoint = write_checkpoint(tmp_path, 50)
    for name in ("config.json", "model.safetensors"):
        shutil.copy(checkpoint / name, tmp_path / name)
    (tmp_path / "trainer_state.json").write_text('{"global_step": 57, "max_steps": 57}')
    assert run.look() == {"checkpoint-50": ("complete", 50), "final": ("complete", 57)}
    os.utime(write_checkpoint(tmp_path, 60), (2e9, 2e9))
    assert run.look() == {"checkpoint-60": ("complete", 60), "final": ("complete", 57)}
    assert set(run.source.names()) == {"checkpoint-50", "checkpoint-60", "final"}


def test_an_old_step_written_again_among_many_is_seen_within_some_looks_and_a_new_one_at_once(tmp_path: Path) -> None:
    for step in range(1, 151):
        write_checkpoint(tmp_path, step)
    run = Run(tmp_path)
    assert len(run.look()) == 150
    assert run.look() == {}
    write_checkpoint(tmp_path, 3, value=7)
    write_checkpoint(tmp_path, 140, value=7)
    write_checkpoint(tmp_path, 151)
    looks = [run.look() for _ in range(_TURNS)]
    assert looks[0].keys() >= {"checkpoint-140", "checkpoint-151"}
    assert [name for look in looks for name in look].count("checkpoint-3") == 1


def test_what_is_on_record_as_something_else_is_read_again_whatever_has_changed(tmp_path: Path) -> None:
    for step in range(1, 151):
        write_checkpoint(tmp_path, step)
    run = Run(tmp_path)
    partial, complete = Condition.PARTIAL, Condition.COMPLETE
    assert len(run.look()) == len(run.source.readings()) == 150
    # The first three wait; of the third the ledger says that it was begun anew.
    waiting = {"checkpoint-1": complete, "checkpoint-2": complete, "checkpoint-3": partial, "checkpoint-999": complete}
    assert run.look(awaited=waiting) == {"checkpoint-3": ("complete", 3)}
    assert set(run.source.readings()) == {"checkpoint-1", "checkpoint-2", "checkpoint-3"}
    waiting["checkpoint-3"] = complete
    assert run.look(awaited=waiting) == {}
    # One that was settled, and that somebody asks for again.
    assert run.look() == {}
    assert run.source.readings() == {}
    assert run.look(awaited={"checkpoint-4": complete}) == {"checkpoint-4": ("complete", 4)}
    assert run.source.readings()["checkpoint-4"].files
    assert run.source.readings()["checkpoint-4"].trainer is None


def test_what_was_named_is_read_again_where_it_is_on_record_as_something_else(tmp_path: Path) -> None:
    source = ListSource([named(write_checkpoint(tmp_path, step)) for step in (5, 7)])

    def look(awaited: Awaited = NONE_AWAITED) -> list[str]:
        return [found.name for found in source.look(awaited)]

    complete = Condition.COMPLETE
    assert look() == ["checkpoint-5", "checkpoint-7"]
    assert look({"checkpoint-5": complete, "checkpoint-7": Condition.PARTIAL}) == ["checkpoint-7"]
    shutil.rmtree(tmp_path / "checkpoint-5")
    assert look({"checkpoint-5": complete}) == []
    source.forget("checkpoint-5")
    assert look({"checkpoint-5": complete}) == ["checkpoint-5"]
    assert source.readings()["checkpoint-5"].condition is Condition.GONE
    assert look() == []


def test_the_base_comes_before_the_first_adapter_whose_base_is_here(tmp_path: Path) -> None:
    def adapter(step: int) -> None:
        path = write_checkpoint(root, step)
        (path / "model.safetensors").rename(path / "adapter_model.safetensors")
        (path / "config.json").unlink()
        (path / "adapter_config.json").write_text('{"base_model_name_or_path": "acme/tiny"}')

    root, base = tmp_path / "run", write_checkpoint(tmp_path / "base", 7)
    root.mkdir()
    here: list[Path] = []
    asked: list[str] = []

    def base_of(named: Checkpoint) -> Path | None:
        asked.append(f"{named.name}: {named.base}")
        return here[0] if here else None

    source = DirectorySource(root, DirectoryWaker(root), base_of=base_of)
    write_checkpoint(root, 5)
    assert names_of(source) == ["checkpoint-5"]
    adapter(10)
    assert names_of(source) == ["checkpoint-10"]
    here.append(base)
    adapter(20)
    assert names_of(source) == ["base", "checkpoint-20"]
    assert set(source.names()) == {"base", "checkpoint-5", "checkpoint-10", "checkpoint-20"}
    adapter(30)
    assert "checkpoint-30" in names_of(source)
    assert asked == ["checkpoint-10: acme/tiny", "checkpoint-20: acme/tiny"]


def names_of(source: DirectorySource) -> list[str]:
    """The names of one look's checkpoints, the base as step 0."""
    seen = list(source.look() or ())
    assert all(found.step == 0 for found in seen if found.name == "base")
    return [found.name for found in seen]
