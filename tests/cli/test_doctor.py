"""`uimon doctor`: the settings of the command that is to be run, checked as that command reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from watcher.cli.doctor import run_doctor
from watcher.doctor.checks import EngineFacts
from watcher.model import Reason, UimonError


@pytest.fixture(autouse=True)
def _machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """vLLM is not imported, and nothing of this machine's own is read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr("watcher.cli.doctor.probe_engine", lambda: EngineFacts("0.32.0", "2.13.0", "cpu"))
    (tmp_path / "ckpts").mkdir()


def checked(capsys: pytest.CaptureFixture[str], **flags: Any) -> dict[str, dict[str, str]]:
    """The checks by their names."""
    run_doctor(Path("ckpts"), {"wandb": "off"} | flags, None, as_json=True)
    return {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}


def write_prompts(count: int) -> Path:
    path = Path("val.jsonl")
    path.write_text("".join(json.dumps({"question": f"page {i}", "answer": "<p>"}) + "\n" for i in range(count)))
    return path


@pytest.mark.parametrize(
    ("prompts", "samples", "said", "step"),
    [
        (40, None, "With 40 prompts, ", "Name a file with more prompts."),
        (1, None, "With 1 prompt, ", "Name a file with more prompts."),
        (40, "32", "With 32 prompts, ", "Raise --samples, if the file has the prompts."),
    ],
)
def test_what_the_warnings_can_see_is_told_of_the_prompts_that_are_there(
    capsys: pytest.CaptureFixture[str], prompts: int, samples: str | None, said: str, step: str
) -> None:
    checks = checked(capsys, val=write_prompts(prompts), samples=samples)
    assert checks["samples"]["sentence"].startswith(said)
    assert checks["samples"]["next_step"] == step
    assert not any(" 1 prompts" in check["sentence"] + check["next_step"] for check in checks.values())


def test_what_is_not_read_of_a_theme_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("whole.js").write_text("module.exports = { theme: { extend: { colors: { brand: '#f00' } } } }")
    Path("part.js").write_text("module.exports = { theme: { extend: { colors: { brand: '#f00', ...shared } } } }")
    write_prompts(4)
    assert "theme" not in checked(capsys, theme=["whole.js"])
    note = checked(capsys, theme=["part.js"])["theme"]
    assert (note["status"], "(theme.extend.colors: ...shared)" in note["sentence"]) == ("note", True)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"policy": "newest"}, "give all, latest, or every:K"),
        ({"serve": "8080"}, "give HOST:PORT"),
        ({"keep_samples": "some"}, "--keep-samples"),
        ({"theme": ["nothing.css"]}, "nothing.css does not exist"),
        ({"scorers": ["nothing"]}, "no scorer called nothing"),
        ({"chat_template": "nothing.jinja"}, "check --chat-template"),
        ({"tokenizer": "ckpts"}, "there is no tokenizer here"),
        ({"grace": "-1s"}, "grace cannot be"),
        ({"idle_exit": "1000d"}, "give 0s to 366d"),
    ],
)
def test_what_watch_refuses_doctor_refuses_with_the_same_sentence(flags: dict[str, Any], said: str) -> None:
    with pytest.raises(UimonError, match=said) as caught:
        run_doctor(Path("ckpts"), flags, None, as_json=True)
    assert caught.value.reason in (Reason.CONFIG_INVALID, Reason.TOKENIZER_MISSING, Reason.CHAT_TEMPLATE_MISSING)


def test_places_are_those_of_watch(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    named = checked(capsys, run_id="mine", stage_dir=Path("ckpts/stage"))
    assert f"{tmp_path / 'xdg' / 'uimon' / 'mine'} can be made" in named["state"]["sentence"]
    assert (named["disk"]["status"], "lies in the trainer's" in named["disk"]["sentence"]) == ("problem", True)
    unnamed = checked(capsys)["state"]["sentence"]
    assert f"{tmp_path / 'xdg' / 'uimon' / 'ckpts-'}" in unnamed


def test_nothing_is_created_or_changed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    checked(capsys, val=write_prompts(3), once=True, state_dir=tmp_path / "state", stage_dir=tmp_path / "stage")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ckpts", "val.jsonl"]
