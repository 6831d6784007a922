from __future__ import annotations

from pathlib import Path

import pytest

from watcher.model import Reason, UimonError
from watcher.settings.load import load_settings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "uimon.toml").write_text("samples = 1\nseed = 1\ntemperature = 0.1\n[chat_template_kwargs]\na = 1\n")
    monkeypatch.setenv("UIMON_SAMPLES", "2")
    monkeypatch.setenv("UIMON_SEED", "2")
    settings = load_settings({"samples": 3, "seed": None})
    assert (settings.samples, settings.seed, settings.temperature, settings.top_p) == (3, 2, 0.1, 1.0)
    assert settings.chat_template_kwargs == {"a": 1}


def test_scorers_are_a_list_in_the_file_and_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "uimon.toml").write_text('scorers = ["legacy", "own.py:Own"]\n')
    assert load_settings({"scorers": None}).scorers == ["legacy", "own.py:Own"]
    monkeypatch.setenv("UIMON_SCORERS", '["legacy"]')
    assert load_settings({}).scorers == ["legacy"]
    assert load_settings({"scorers": ["other"]}).scorers == ["other"]


def test_columns_are_pairs_on_the_command_line_and_in_the_environment_and_a_table_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {"prompt": "ask", "completion": "html"}
    assert load_settings({"val_keys": "prompt=ask, completion=html"}).val_keys == keys
    (tmp_path / "uimon.toml").write_text('[val_keys]\nprompt = "ask"\ncompletion = "html"\n')
    assert load_settings({}, tmp_path / "uimon.toml").val_keys == keys
    monkeypatch.setenv("UIMON_VAL_KEYS", "text=page")
    assert load_settings({}).val_keys == {"text": "page"}


def test_lengths_of_time_are_read_as_people_write_them() -> None:
    assert load_settings({"idle_exit": "2h", "poll": "0.5"}).idle_exit == 7200


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"samples": 0}, "samples cannot be 0"),
        ({"poll": "soon"}, "not a length of time"),
        ({"wandb": "maybe"}, "wandb cannot be 'maybe'"),
        ({"val_keys": "prompt"}, "write it as prompt=ask,completion=html"),
        ({"sampels": 3}, "no setting called 'sampels'"),
    ],
)
def test_a_bad_value_is_one_sentence_that_names_it(flags: dict[str, object], words: str) -> None:
    with pytest.raises(UimonError, match=words) as caught:
        load_settings(flags)
    assert caught.value.reason is Reason.CONFIG_INVALID


def test_bad_files_and_environment_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("samples = \n")
    with pytest.raises(UimonError, match=r"broken\.toml cannot be read as TOML"):
        load_settings({}, broken)
    with pytest.raises(UimonError, match="does not exist"):
        load_settings({}, tmp_path / "nothing.toml")
    monkeypatch.setenv("UIMON_CHAT_TEMPLATE_KWARGS", "{")
    with pytest.raises(UimonError, match="UIMON_CHAT_TEMPLATE_KWARGS"):
        load_settings({})


def test_the_run_falls_back_to_the_trainers_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_RUN_ID", "theirs")
    assert load_settings({}).run_name == "theirs"
    assert load_settings({"run_id": "mine"}).run_name == "mine"


def test_themes_are_a_list_however_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings({"theme": ["shadcn", "a.css"]}).theme == ["shadcn", "a.css"]
    monkeypatch.setenv("UIMON_THEME", "shadcn, a.css")
    assert load_settings({}).theme == ["shadcn", "a.css"]
