"""How the service keeps checkpoints from the trainer's rotation: in place, linked, copied, and what becomes of them."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import pytest

from tests.service.test_service import run_in_thread, wait_until
from tests.support.checkpoint_files import write_checkpoint
from tests.support.house import House
from tests.support.looking import inspect
from watcher.checkpoints.staging.sharing import staging_mode_of
from watcher.checkpoints.staging.transfer import StagingMode
from watcher.engine.types import Loaded
from watcher.model import CheckpointKind, Reason, RowKind, State, UimonError


def loading(house: House, monkeypatch: pytest.MonkeyPatch, do: dict[int, object]) -> list[Path]:
    """Have the trainer do something while the engine loads for the n-th time; returns the stages that were loaded."""
    stages: list[Path] = []
    load = house.engine.load

    def spy(path: Path, digest: str, kind: CheckpointKind, base: Path | None) -> Loaded:
        stages.append(path)
        action = do.get(len(stages) - 1)
        assert action is None or callable(action)
        if action:
            action()
        return load(path, digest, kind, base)

    monkeypatch.setattr(house.engine, "load", spy)
    return stages


def test_an_idle_engine_that_has_swapped_before_reads_in_place_and_what_waits_is_copied(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    stages = loading(house, monkeypatch, {2: lambda: gate.wait(10)})
    thread = run_in_thread(house.service(until_final=True))
    for step in (50, 60):
        write_checkpoint(house.root, step)
        wait_until(lambda step=step: (step, "published", None) in house.states())  # type: ignore[misc]
    write_checkpoint(house.root, 70)
    wait_until(lambda: len(stages) == 3)
    write_checkpoint(house.root, 100)
    wait_until(lambda: (100, "staged", None) in house.states())
    gate.set()
    thread.join(15)
    # A file system that can clone does that instead of copying.
    kept = {StagingMode.COPY, StagingMode.REFLINK}
    assert [staging_mode_of(stage) in kept for stage in stages] == [True, True, False, True]
    assert staging_mode_of(stages[2]) is StagingMode.IN_PLACE
    assert [state for _, state, _ in house.states()] == ["published"] * 4
    assert list(house.state.stage.iterdir()) == []
    assert (house.root / "checkpoint-70" / "model.safetensors").exists()


def test_a_checkpoint_deleted_while_it_is_loaded_in_place_is_skipped(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_checkpoint(house.root, 50)
    loading(house, monkeypatch, {0: lambda: shutil.rmtree(path)})
    thread = run_in_thread(house.service(until_final=True, stage="none"))
    wait_until(lambda: (50, "skipped", Reason.DELETED) in house.states())
    write_checkpoint(house.root, 100)
    thread.join(15)
    assert house.states() == [(50, "skipped", Reason.DELETED), (100, "published", None)]
    assert list(house.state.stage.iterdir()) == []


@pytest.mark.parametrize("way", ["none", "link"])
def test_weights_written_again_while_they_are_loaded_are_never_evaluated_as_the_old_ones(
    house: House, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    write_checkpoint(house.root, 50)
    loading(house, monkeypatch, {0: lambda: write_checkpoint(house.root, 50, value=7)})
    thread = run_in_thread(house.service(until_final=True, stage=way))
    wait_until(lambda: (50, "published", None) in house.states())
    write_checkpoint(house.root, 100)
    thread.join(15)
    assert house.states() == [
        (50, "skipped", Reason.WEIGHTS_CHANGED),
        (50, "published", None),
        (100, "published", None),
    ]
    assert len({row.uid for row in house.tracker.rows if row.kind is RowKind.EVAL}) == 2


def test_a_failure_to_load_what_was_deleted_meanwhile_is_no_failure_of_the_engine(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_checkpoint(house.root, 50)
    house.engine.faults = [UimonError(Reason.ENGINE_ERROR, "No such file")]
    loading(house, monkeypatch, {0: lambda: shutil.rmtree(path)})
    thread = run_in_thread(house.service(until_final=True, stage="none"))
    wait_until(lambda: (50, "skipped", Reason.DELETED) in house.states())
    write_checkpoint(house.root, 100)
    thread.join(15)


def test_a_restart_takes_what_was_staged_in_place_only_if_it_is_unchanged(house: House) -> None:
    paths = [write_checkpoint(house.root, step) for step in (50, 60, 70)]
    house.engine.faults = [UimonError(Reason.ENGINE_MISSING, "install vLLM")]
    with pytest.raises(UimonError, match="install vLLM"):
        house.service(stage="none", until_final=True).run()
    wait_until(lambda: bool(house.ledger.records(State.STAGED)))
    write_checkpoint(house.root, 50, value=3)
    shutil.rmtree(paths[1])
    house.service(stage="none", once=True).run()
    states = house.states()
    assert states[0] == (50, "published", None)
    assert states[1] == (60, "skipped", Reason.DELETED)
    assert states[2] == (70, "published", None)
    assert len(house.engine.loaded) == 2


def test_a_way_that_the_file_system_refuses_ends_the_service_with_the_way_out(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("os.link", refuse)
    write_checkpoint(house.root, 50)
    with pytest.raises(UimonError, match="--stage auto") as caught:
        house.service(stage="link", once=True).run()
    assert caught.value.reason is Reason.CONFIG_INVALID
    assert house.states() == [(50, "complete", None)]


def test_the_same_weights_saved_again_while_they_are_loaded_are_evaluated_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkpoint(house.root, 100)
    loaded = threading.Event()

    def again() -> None:
        write_checkpoint(house.root, 100)
        stamp = inspect(house.root / "checkpoint-100", 100).stamp
        wait_until(lambda: house.ledger.records()[0].stamp == stamp)
        loaded.set()

    loading(house, monkeypatch, {0: again})
    house.service(until_final=True, stage="none").run()
    assert loaded.is_set()
    assert house.states() == [(100, "published", None)]


def test_a_directory_that_is_unmounted_while_a_checkpoint_is_loaded_is_taken_up_when_it_is_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkpoint(house.root, 100)
    away = house.root.with_name("away")

    def unmount() -> None:
        house.root.rename(away)
        time.sleep(0.3)

    loading(house, monkeypatch, {0: unmount})
    thread = run_in_thread(house.service(until_final=True, stage="none"))
    wait_until(lambda: house.states() == [(100, "skipped", Reason.DELETED)])
    away.rename(house.root)
    thread.join(15)
    assert house.states() == [(100, "published", None)]


def test_what_is_deleted_by_the_record_alone_is_taken_up_at_the_next_look(house: House) -> None:
    write_checkpoint(house.root, 100)
    ingest = house.service(stage="copy")._ingest
    house.wandb.asked.set()
    ingest.step()
    (staged,) = house.ledger.records(State.STAGED)
    # It was out of sight while it was loaded, and back before anybody looked for it.
    house.ledger.abandon(staged, State.SKIPPED, Reason.DELETED, "its directory was deleted")
    assert house.ledger.deleted() == ["checkpoint-100"]
    ingest.step()
    assert house.states() == [(100, "staged", None)]
    assert house.ledger.deleted() == []


def test_what_was_begun_early_is_not_given_up_for_want_of_disk(house: House) -> None:
    house.engine.hold = threading.Event()
    path = write_checkpoint(house.root, 100)
    state = (path / "trainer_state.json").read_bytes()
    (path / "trainer_state.json").unlink()
    (path / "optimizer.pt").touch()
    thread = run_in_thread(house.service(until_final=True, stage="copy", disk_floor_gb=0.5))
    assert house.engine.generating.wait(10)
    house.free = lambda _: 0
    time.sleep(0.3)
    house.engine.hold.set()
    (path / "trainer_state.json").write_bytes(state)
    thread.join(15)
    assert house.states() == [(100, "published", None)]


def test_one_asked_for_again_that_cannot_be_loaded_ends_nothing(house: House) -> None:
    path = write_checkpoint(house.root, 50)
    (path / "model.safetensors").rename(path / "pytorch_model.bin")
    thread = run_in_thread(house.service(until_final=True))
    wait_until(lambda: house.states() == [(50, "failed", Reason.PICKLE_WEIGHTS)])
    for _ in range(20):
        house.ledger.retry()
        time.sleep(0.02)
    write_checkpoint(house.root, 100)
    wait_until(lambda: (100, "published", None) in house.states())
    thread.join(15)
    assert not thread.is_alive()


def full_after(house: House, room: int) -> None:
    """No disk is free once so many checkpoints are staged."""
    house.free = lambda _: 10**9 if len(list(house.state.stage.glob("uimon-*"))) < room else 0


def test_latest_gives_up_the_oldest_that_waits_for_a_newer_one(house: House) -> None:
    house.engine.hold = threading.Event()
    room = 2.5 * inspect(write_checkpoint(house.root, 50), 50).bytes / 1e9
    thread = run_in_thread(house.service(policy="latest", until_final=True, stage="copy", stage_budget_gb=room))
    assert house.engine.generating.wait(10)
    for step in (60, 70):
        write_checkpoint(house.root, step)
        wait_until(lambda step=step: (step, "staged", None) in house.states())  # type: ignore[misc]
    # It still lies at the trainer's, so it is only later that its turn comes.
    assert (60, "complete", Reason.DISK_FULL) in house.states()
    house.engine.hold.set()
    wait_until(lambda: (60, "published", None) in house.states())
    write_checkpoint(house.root, 100)
    thread.join(15)
    assert [state for _, state, _ in house.states()] == ["published"] * 4


def test_what_waits_is_given_up_oldest_first_when_others_fill_the_disk(house: House) -> None:
    house.engine.hold = threading.Event()
    write_checkpoint(house.root, 50)
    thread = run_in_thread(house.service(until_final=True, stage="copy", disk_floor_gb=0.5))
    assert house.engine.generating.wait(10)
    for step in (60, 70):
        path = write_checkpoint(house.root, step)
        wait_until(lambda step=step: (step, "staged", None) in house.states())  # type: ignore[misc]
        shutil.rmtree(path)
    wait_until(lambda: not (house.root / "checkpoint-70").exists())
    full_after(house, 3)
    wait_until(lambda: (60, "skipped", Reason.DISK_FULL) in house.states())
    assert (70, "staged", None) in house.states()
    house.free = lambda _: 10**9
    house.engine.hold.set()
    write_checkpoint(house.root, 100)
    thread.join(15)
    assert [state for _, state, _ in house.states()] == ["published", "skipped", "published", "published"]
    assert list(house.state.stage.iterdir()) == []
