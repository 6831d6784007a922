"""A layout is one object: whoever is handed another one needs no further word about its trainer."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from tests.support.checkpoint_files import adapter_files, full_files, put
from tests.support.sealed_layout import SEALED
from watcher.checkpoints import KNOWN, DirectoryWaker, discover, inspect, layouts_for, named, writers_directory
from watcher.checkpoints.deeper import name_others, runs_below
from watcher.checkpoints.sources.local import DirectorySource, ListSource
from watcher.cli.doctor import run_doctor
from watcher.cli.evaluate import _candidate, run_eval
from watcher.cli.watch import _baseline
from watcher.doctor.checks import Check, Status, check_directory, newest_checkpoints
from watcher.model import Condition, UimonError
from watcher.settings.config import Settings


class Handed(Exception):
    """What `eval` would have evaluated."""


def without_state(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if name != "trainer_state.json"}


def round_of(root: Path, step: int) -> Path:
    """A whole round, not sealed yet, with a reference model beside the policy."""
    path = root / "takes" / f"round-{step}"
    put(path / "reference", without_state(full_files(step, fill=b"\x00")))
    put(path / "policy", without_state(full_files(step)))
    return path


def doctors_word(root: Path) -> Check:
    return check_directory(root, newest_checkpoints(root, [SEALED]), lambda _: True, [SEALED])


def test_watch_finds_and_judges_by_a_layout_of_one_file(tmp_path: Path) -> None:
    path = round_of(tmp_path, 7)
    put(tmp_path / "checkpoint-5", full_files(5))
    with DirectoryWaker(tmp_path, layouts=[SEALED]) as waker:
        source = DirectorySource(tmp_path, waker, layouts=[SEALED], clock=lambda: 0.0)
        assert [(c.name, c.step, c.detail) for c in source.look() or ()] == [
            ("takes/round-7", 7, "round-7 is not sealed.")
        ]
        (path / "SEAL").touch()
        (found,) = list(source.look() or ())
    assert (found.condition, {file.place for file in found.files}) == (Condition.COMPLETE, {"policy"})


def test_doctor_judges_by_the_same_layout(tmp_path: Path) -> None:
    assert doctors_word(tmp_path).sentence.endswith("is readable and holds no round-N yet.")
    path = round_of(tmp_path, 7)
    assert (doctors_word(tmp_path).status, "not sealed" in doctors_word(tmp_path).sentence) == (Status.NOTE, True)
    (path / "SEAL").touch()
    assert "takes/round-7 is complete" in doctors_word(tmp_path).sentence


def test_what_is_named_needs_no_sign_of_its_writer(tmp_path: Path) -> None:
    source = ListSource([named(round_of(tmp_path, 7), [SEALED])])
    (found,) = source.look()
    assert (found.condition, found.step) == (Condition.COMPLETE, 7)
    assert {file.place for file in found.files} == {"policy"}
    assert source.look() == []
    source.forget(found.name)
    assert source.look() == [found]


def test_directories_deeper_down_are_told_by_the_same_names(tmp_path: Path) -> None:
    round_of(tmp_path / "runs", 7)
    assert runs_below(tmp_path, [SEALED]) == [tmp_path / "runs" / "takes"]
    assert name_others(tmp_path, KNOWN) == ""


def test_a_pattern_holds_in_the_newest_start_of_ms_swift_too(tmp_path: Path) -> None:
    for start in ("v0-20261120-090000", "v1-20261121-090000"):
        (tmp_path / start / "iter_0005").mkdir(parents=True)
    (tmp_path / "checkpoint-5").mkdir()
    found = discover(tmp_path, layouts_for("iter_{step}"))
    assert [(one.step, one.name) for one in found] == [(5, "v1-20261121-090000/iter_0005")]


def test_checkpoints_beside_a_start_of_ms_swift_belong_to_the_run(tmp_path: Path) -> None:
    for name in ("checkpoint-9", "v0-20261120-090000/checkpoint-5", "v0-20261120-090000/checkpoint-10"):
        (tmp_path / name).mkdir(parents=True)
    assert [one.step for one in discover(tmp_path)] == [5, 9, 10]


def test_doctor_takes_the_pattern_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "run"
    put(root / "iter_5", without_state(full_files(5)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.setattr(
        "watcher.cli.doctor.probe_engine", lambda: SimpleNamespace(vllm="0.32.0", torch="2", device="cpu")
    )

    def said() -> str:
        run_doctor(root, {}, None, as_json=True)
        checks = json.loads(capsys.readouterr().out)["checks"]
        return str(next(check["sentence"] for check in checks if check["name"] == "checkpoints"))

    assert said() == f"{root} is readable and holds no checkpoint-N yet."
    monkeypatch.setenv("UIMON_PATTERN", "iter_{step}")
    assert "iter_5 is complete" in said()
    monkeypatch.delenv("UIMON_PATTERN")
    (tmp_path / "uimon.toml").write_text('pattern = "iter_{step}"\n')
    assert "iter_5 is complete" in said()


def test_eval_takes_step_and_folder_from_the_pattern(tmp_path: Path) -> None:
    path = tmp_path / "iter_0005"
    put(path / "ui", without_state(full_files(5)))
    put(path / "other", without_state(full_files(5)))
    found = inspect(_candidate(path, layouts_for("iter_{step}/ui")))
    assert (found.condition, found.step, found.name) == (Condition.COMPLETE, 5, str(path))
    assert {file.place for file in found.files} == {"ui"}
    assert inspect(_candidate(path, KNOWN)).condition is Condition.PARTIAL


def test_the_base_is_that_of_the_adapter_in_the_patterns_folder(tmp_path: Path) -> None:
    files = adapter_files(5)
    for folder in ("ui", "other"):
        base = tmp_path / f"base-{folder}"
        base.mkdir()
        config = json.dumps({"base_model_name_or_path": str(base)}).encode()
        put(tmp_path / "run" / "checkpoint-5" / folder, {**files, "adapter_config.json": config})
    root = tmp_path / "run"
    assert _baseline(root, Settings(), layouts_for("checkpoint-{step}/ui")) == tmp_path / "base-ui"


@pytest.mark.parametrize("flag", ["state_dir", "stage_dir"])
@pytest.mark.parametrize(
    ("checkpoint", "pattern", "place"),
    [
        ("run/iter_5", "iter_{step}", "run/uimon"),
        ("run/iter_5/ui", None, "run/iter_5/ui/uimon"),
        ("run/checkpoint-5", None, "run/uimon"),
        ("run/v1-20261121-090000/checkpoint-5", None, "run/uimon"),
        ("run/v1-20261121-090000/iter_5", "iter_{step}", "run/uimon"),
    ],
)
def test_eval_writes_nothing_into_the_trainers_directory(
    tmp_path: Path, flag: str, checkpoint: str, pattern: str | None, place: str
) -> None:
    put(tmp_path / checkpoint, full_files(5))
    flags = {"state_dir": tmp_path / "state", "pattern": pattern, flag: tmp_path / place}
    with pytest.raises(UimonError, match="lies in the trainer's directory") as refused:
        run_eval([tmp_path / checkpoint], flags, None, as_json=True, debug=False)
    assert refused.value.sentence.startswith(str(tmp_path / place))
    assert not (tmp_path / place).exists()
    assert not (tmp_path / "state").exists()


def test_a_state_directory_beside_an_exported_model_is_nobodys_matter(tmp_path: Path) -> None:
    assert writers_directory(named(tmp_path / "iter_5")) == tmp_path / "iter_5"
    assert writers_directory(named(tmp_path / "iter_5", layouts_for("iter_{step}"))) == tmp_path


def test_eval_brings_each_by_its_whole_path_and_the_base_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = put(tmp_path / "base", without_state(full_files(0)))
    named_base = json.dumps({"base_model_name_or_path": str(base)}).encode()
    path = put(tmp_path / "run" / "iter_5", {**adapter_files(7), "adapter_config.json": named_base})
    (tmp_path / "val.jsonl").write_text('{"messages": [{"role": "user", "content": "a button"}]}\n')
    monkeypatch.setenv("UIMON_PATTERN", "iter_{step}")

    def stop(*parts: Any) -> NoReturn:
        raise Handed([(found.name, found.step, found.condition) for found in parts[4].look()])

    monkeypatch.setattr("watcher.cli.evaluate.assembled", stop)
    with pytest.raises(Handed) as handed:
        run_eval([path], {"val": tmp_path / "val.jsonl", "baseline": True}, None, as_json=True, debug=False)
    complete = Condition.COMPLETE
    assert handed.value.args[0] == [("base", 0, complete), (str(path), 5, complete)]
