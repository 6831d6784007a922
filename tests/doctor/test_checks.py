from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import pytest

from watcher.doctor.checks import (
    Check,
    CheckedPaths,
    EngineFacts,
    EngineProblem,
    Probes,
    Status,
    check_base,
    check_disk,
    check_gpu,
    check_python,
    check_state_dir,
    check_val,
    check_wandb,
    run_checks,
)
from watcher.doctor.probes import probe_engine, try_events
from watcher.engine.gpu import GpuChoice
from watcher.model import Checkpoint, CheckpointKind, Condition, FileStamp, Reason, UimonError

CARD = GpuChoice("GPU-1", "Card", 10**11, 10**11, "The engine runs on GPU 1.")
CPU = GpuChoice(None, "CPU", 0, 0, "The engine runs on the CPU: no driver.")


@dataclass
class Val:
    path: Path = Path("val.jsonl")
    conversations: tuple[int, ...] = (1, 2, 3)
    unusable: int = 0

    @property
    def summary(self) -> str:
        return f"val.jsonl: 3 prompts, read as chat messages; {self.unusable} lines unusable."


@dataclass
class Run:
    state: str | None = "running"
    writer: str = "shared"
    url: str | None = "https://wandb.ai/x"


def raising(reason: Reason) -> Callable[[], NoReturn]:
    def fail() -> NoReturn:
        raise UimonError(reason, f"It is {reason}.")

    return fail


def write_checkpoint(path: Path, step: int, weights: str = "model.safetensors") -> None:
    path.mkdir(parents=True)
    header = json.dumps({"a": {"dtype": "U8", "shape": [9000], "data_offsets": [0, 9000]}}).encode()
    (path / "config.json").write_text("{}")
    (path / weights).write_bytes(len(header).to_bytes(8, "little") + header + b"x" * 9000)
    (path / "trainer_state.json").write_text(json.dumps({"global_step": step}))


@pytest.fixture
def places(tmp_path: Path) -> CheckedPaths:
    write_checkpoint(tmp_path / "run" / "checkpoint-5", 5)
    return CheckedPaths(tmp_path / "run", tmp_path / "state", tmp_path / "state" / "stage", 0, 3)


@pytest.fixture
def probes() -> Probes:
    return Probes(
        engine=lambda: EngineFacts("0.32.0", "2.13.0", "cuda"),
        gpu=lambda: CARD,
        val=Val,
        wandb=Run,
        events=lambda _: None,
        python=(3, 12, 1),
        free=lambda _: 10**12,
    )


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_on_a_machine_that_is_ready_everything_is_ok(places: CheckedPaths, probes: Probes) -> None:
    checks = run_checks(places, probes)
    assert [c.name for c in checks] == [
        "python", "vllm", "gpu", "val", "checkpoints", "events", "state", "disk", "wandb",
    ]  # fmt: skip
    assert {c.status for c in checks} == {Status.OK}, checks
    assert all(c.sentence.endswith(".") for c in checks)
    assert "checkpoint-5 is complete" in by_name(checks)["checkpoints"].sentence


def test_checking_creates_and_changes_nothing(places: CheckedPaths, probes: Probes, tmp_path: Path) -> None:
    before = {str(p): p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    run_checks(places, replace(probes, events=try_events))
    assert {str(p): p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before


def test_every_problem_and_note_has_a_next_step(tmp_path: Path, probes: Probes) -> None:
    def no_engine() -> EngineFacts:
        raise EngineProblem("vLLM is not installed here.", "Install it.")

    (tmp_path / "file").write_text("")
    places = CheckedPaths(tmp_path / "file", tmp_path / "file" / "state", tmp_path / "stage", 10**6)
    bad = replace(
        probes,
        engine=no_engine,
        gpu=raising(Reason.GPU_OCCUPIED),
        val=raising(Reason.VAL_MISSING),
        wandb=raising(Reason.WANDB_UNREACHABLE),
        python=(3, 9, 2),
        free=lambda _: 0,
    )
    checks = by_name(run_checks(places, bad))
    assert [n for n, c in checks.items() if c.status is not Status.PROBLEM] == ["events"]
    assert all(c.next_step for n, c in checks.items() if n != "events")
    assert checks["gpu"].sentence == "It is gpu_occupied."
    assert "is not a directory" in checks["checkpoints"].sentence


def test_old_pythons_are_named() -> None:
    assert check_python((3, 10, 9)).status is Status.PROBLEM
    assert check_python((3, 11, 0)).status is Status.OK
    assert check_python((4, 0, 0)).status is Status.OK


@pytest.mark.parametrize(
    ("choice", "built_for", "status"),
    [
        (CARD, "cuda", Status.OK),
        (CARD, None, Status.OK),
        (CARD, "cpu", Status.NOTE),
        (CPU, "cpu", Status.NOTE),
        (CPU, None, Status.NOTE),
        (CPU, "cuda", Status.PROBLEM),
    ],
)
def test_vllm_and_gpu_must_fit_together(choice: GpuChoice, built_for: str | None, status: Status) -> None:
    assert check_gpu(lambda: choice, built_for).status is status


def test_gpus_that_this_vllm_cannot_use_are_named() -> None:
    pair = GpuChoice("GPU-1,GPU-2", "Card A, Card B", 10**11, 10**11, "The engine runs on both.")
    assert "there is Card A, Card B." in check_gpu(lambda: pair, "cpu").sentence


def test_an_untested_vllm_is_a_note(places: CheckedPaths, probes: Probes) -> None:
    newer = replace(probes, engine=lambda: EngineFacts("0.33.1", "2.13.0", "cuda"))
    assert by_name(run_checks(places, newer))["vllm"].status is Status.NOTE


def test_a_missing_vllm_still_lets_the_gpu_be_checked(places: CheckedPaths, probes: Probes) -> None:
    def missing() -> EngineFacts:
        raise EngineProblem("vLLM is not installed here.", "Install it.")

    checks = by_name(run_checks(places, replace(probes, engine=missing)))
    assert checks["vllm"].status is Status.PROBLEM
    assert checks["gpu"].status is Status.OK


def test_fewer_prompts_than_samples_are_said() -> None:
    assert check_val(Val, 3).status is Status.OK
    few = check_val(Val, 64)
    assert few.status is Status.NOTE
    assert "All 3 are evaluated instead of 64" in few.next_step
    assert "This one is evaluated instead of 64" in check_val(lambda: Val(conversations=(1,)), 64).next_step
    assert check_val(lambda: Val(unusable=2), 3).status is Status.NOTE
    assert "read as chat messages; 2 lines unusable" in check_val(lambda: Val(unusable=2), 3).sentence
    assert check_val(None, 64).status is Status.NOTE


def test_the_users_own_arguments_are_checked_where_there_are_any(places: CheckedPaths, probes: Probes) -> None:
    taken = by_name(run_checks(places, replace(probes, arguments=lambda: None)))["engine_args"]
    refused = by_name(run_checks(places, replace(probes, arguments=raising(Reason.CONFIG_INVALID))))["engine_args"]
    assert (taken.status, refused.status, refused.sentence) == (Status.OK, Status.PROBLEM, "It is config_invalid.")


def test_a_directory_that_comes_later_is_waited_for(places: CheckedPaths, probes: Probes, tmp_path: Path) -> None:
    check = by_name(run_checks(replace(places, checkpoints=tmp_path / "later"), probes))["checkpoints"]
    assert check.status is Status.NOTE
    assert "does not exist yet" in check.sentence
    (tmp_path / "later").mkdir()
    empty = by_name(run_checks(replace(places, checkpoints=tmp_path / "later"), probes))["checkpoints"]
    assert empty.status is Status.OK
    none = by_name(run_checks(replace(places, checkpoints=None), probes))["checkpoints"]
    assert none.status is Status.NOTE


def test_the_directory_above_the_run_is_recognized(places: CheckedPaths, probes: Probes, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "out" / "v0-20260101" / "checkpoint-5", 5)
    check = by_name(run_checks(replace(places, checkpoints=tmp_path / "out"), probes))["checkpoints"]
    assert check.status is Status.PROBLEM
    assert str(tmp_path / "out" / "v0-20260101") in check.next_step


def test_links_and_a_directory_that_is_a_checkpoint_are_no_run(
    places: CheckedPaths, probes: Probes, tmp_path: Path
) -> None:
    root = tmp_path / "out"
    root.mkdir()
    write_checkpoint(tmp_path / "scratch" / "checkpoint-5", 5)

    def check(path: Path) -> Check:
        return by_name(run_checks(replace(places, checkpoints=path), probes))["checkpoints"]

    (root / "outputs").symlink_to(tmp_path / "scratch")
    assert (check(root).status, check(root).next_step) == (Status.PROBLEM, f"Name that directory: {root}/outputs.")
    (root / "checkpoint-5").symlink_to(tmp_path / "scratch" / "checkpoint-5")
    assert check(root).status is Status.PROBLEM
    assert "is a link" in check(root).sentence
    write_checkpoint(root / "checkpoint-4", 4)
    assert check(root).status is Status.NOTE
    assert f"name the directory {tmp_path}/scratch" in check(root).next_step
    found = check(tmp_path / "scratch" / "checkpoint-5")
    assert (found.status, "is a checkpoint itself" in found.sentence) == (Status.PROBLEM, True)


def test_runs_several_directories_deeper_are_named_the_newest_first(
    places: CheckedPaths, probes: Probes, tmp_path: Path
) -> None:
    for number, run in enumerate(("saves/M/lora/RUN", "outputs/2026-11-28/15-30-00")):
        checkpoint = tmp_path / "out" / run / "checkpoint-5"
        write_checkpoint(checkpoint, 5)
        os.utime(checkpoint, (number, number))
    check = by_name(run_checks(replace(places, checkpoints=tmp_path / "out"), probes))["checkpoints"]
    assert check.status is Status.PROBLEM
    assert check.sentence.index("15-30-00") < check.sentence.index("lora/RUN")
    assert "15-30-00" in check.next_step


@pytest.mark.parametrize("lost", ["config.json", "model.safetensors"])
def test_what_is_finished_and_cannot_be_used_is_a_problem(places: CheckedPaths, probes: Probes, lost: str) -> None:
    assert places.checkpoints is not None
    write_checkpoint(places.checkpoints / "checkpoint-9", 9)
    (places.checkpoints / "checkpoint-9" / lost).unlink()
    check = by_name(run_checks(places, probes))["checkpoints"]
    assert check.status is Status.PROBLEM
    assert "its writer is done with it" in check.sentence


def test_checkpoints_no_engine_loads_are_found_before_the_start(places: CheckedPaths, probes: Probes) -> None:
    assert places.checkpoints is not None
    write_checkpoint(places.checkpoints / "checkpoint-9", 9, weights="pytorch_model.bin")
    check = by_name(run_checks(places, probes))["checkpoints"]
    assert check.status is Status.PROBLEM
    assert "save_safetensors=True" in check.sentence


def test_unfinished_checkpoints_are_a_note(places: CheckedPaths, probes: Probes) -> None:
    assert places.checkpoints is not None
    (places.checkpoints / "checkpoint-5" / "trainer_state.json").unlink()
    check = by_name(run_checks(places, probes))["checkpoints"]
    assert check.status is Status.NOTE
    assert "no trainer_state.json yet" in check.sentence


def test_without_file_events_nothing_is_lost(places: CheckedPaths, probes: Probes) -> None:
    check = by_name(run_checks(places, replace(probes, events=lambda _: "No events.")))["events"]
    assert (check.status, check.sentence) == (Status.NOTE, "No events.")
    unknown = by_name(run_checks(places, replace(probes, inotify=Path("/nonexistent"))))["events"]
    assert "max_user_watches unknown" in unknown.sentence


def test_events_are_really_asked_for(places: CheckedPaths) -> None:
    assert places.checkpoints is not None
    assert try_events(places.checkpoints) is None


def test_the_state_directory_must_be_writable_and_outside_of_the_trainers(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    assert check_state_dir(tmp_path / "a" / "b", run).sentence.endswith("can be made.")
    assert check_state_dir(tmp_path, run).sentence.endswith("exists.")
    assert check_state_dir(run / "state", run).status is Status.PROBLEM
    (tmp_path / "file").write_text("")
    assert "is not a directory" in check_state_dir(tmp_path / "file" / "state", run).sentence


def test_a_directory_without_write_permission_is_a_problem(tmp_path: Path) -> None:
    """In a process without root's rights, to which alone permissions apply."""
    code = (
        "import os, sys, pathlib\n"
        "from watcher.doctor.checks import check_state_dir\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "print(check_state_dir(pathlib.Path(sys.argv[1]), None).status)\n"
    )
    shut = Path("/etc/uimon/state")
    done = subprocess.run([sys.executable, "-c", code, str(shut)], capture_output=True, text=True, check=True)
    assert done.stdout == "problem\n"


def test_checkpoints_that_this_user_may_not_read_are_a_problem(places: CheckedPaths, probes: Probes) -> None:
    checks = run_checks(places, replace(probes, readable=lambda path: path.name != "model.safetensors"))
    check = by_name(checks)["checkpoints"]
    assert check.status is Status.PROBLEM
    assert "checkpoint-5/model.safetensors belongs to user" in check.sentence
    assert check.next_step.startswith("Run uimon as user")


@pytest.mark.parametrize(
    ("free", "status"),
    [(10**9 + 100, Status.OK), (10**9 + 99, Status.NOTE), (10**9 + 50, Status.NOTE), (10**9 + 49, Status.PROBLEM)],
)
def test_room_is_counted_in_checkpoints_above_the_floor(tmp_path: Path, free: int, status: Status) -> None:
    files = (FileStamp("model.safetensors", 50, 0, 0),)
    checkpoint = Checkpoint("checkpoint-5", tmp_path, 5, Condition.COMPLETE, files=files)
    assert check_disk(tmp_path / "stage", [checkpoint], 10**9, lambda _: free).status is status


def test_without_a_checkpoint_some_room_is_enough(tmp_path: Path) -> None:
    assert check_disk(tmp_path, [], 10**9, lambda _: 10**9 + 1).status is Status.OK
    assert check_disk(tmp_path, [], 10**9, lambda _: 10**9).status is Status.PROBLEM


@pytest.mark.parametrize(
    ("run", "status", "word"),
    [
        (Run(), Status.OK, "shared mode"),
        (Run(writer="default"), Status.NOTE, "not in W&B's shared mode"),
        (Run(state="finished"), Status.OK, "finished"),
        (None, Status.NOTE, "No W&B run"),
    ],
)
def test_a_run_must_exist_and_take_a_second_writer(run: Run | None, status: Status, word: str) -> None:
    check = check_wandb(None if run is None else lambda: run)
    assert check.status is status
    assert word in check.sentence


def test_the_base_of_the_newest_adapter_is_looked_for(tmp_path: Path) -> None:
    adapter = Checkpoint("checkpoint-5", tmp_path, 5, Condition.COMPLETE, kind=CheckpointKind.ADAPTER, base="acme/tiny")
    full = Checkpoint("checkpoint-6", tmp_path, 6, Condition.COMPLETE)
    assert check_base([full], lambda _: tmp_path) == []
    (here,) = check_base([full, adapter], lambda _: tmp_path)
    assert (here.status, str(tmp_path) in here.sentence) == (Status.OK, True)
    (gone,) = check_base([adapter], lambda _: raising(Reason.BASE_MODEL_MISSING)())
    assert (gone.status, bool(gone.next_step)) == (Status.PROBLEM, True)


def fake_python(tmp_path: Path, body: str) -> str:
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("echo Traceback >&2; echo 'ImportError: libcudart.so.13' >&2; exit 1", "libcudart.so.13"),
        ("exit 3", "exit status 3"),
        ("echo hello", "did not report its version"),
        ("exec sleep 9", "did not end within 1 s"),
    ],
)
def test_a_vllm_that_does_not_import_is_told_in_its_own_words(tmp_path: Path, body: str, word: str) -> None:
    with pytest.raises(EngineProblem) as caught:
        probe_engine(fake_python(tmp_path, body), timeout=1)
    assert word in caught.value.sentence
    assert caught.value.next_step


def test_output_before_the_answer_does_not_disturb_it(tmp_path: Path) -> None:
    python = fake_python(tmp_path, 'echo noise; echo \'["0.32.0", "2.13", "cuda"]\'')
    assert probe_engine(python) == EngineFacts("0.32.0", "2.13", "cuda")


@pytest.mark.engine
@pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed")
def test_the_installed_vllm_is_imported_in_another_process() -> None:
    facts = probe_engine(timeout=50)
    assert facts.vllm
    assert facts.device in ("cpu", "cuda")
    assert "vllm" not in sys.modules
