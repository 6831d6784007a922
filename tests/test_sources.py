"""Where an adapter's base is looked for, and what is said when it is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from watcher.model import Reason, UimonError
from watcher.sources import resolve_base


def test_a_directory_is_taken_as_it_is_and_the_users_word_wins(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    assert resolve_base(str(tmp_path), None) == tmp_path
    assert resolve_base("/trainers/own/base", str(mine)) == mine
    assert resolve_base("org/model-bnb-4bit", str(mine)) == mine


@pytest.mark.parametrize(
    ("named", "advice"),
    [
        (None, "name it with --base"),
        ("org/model", "hf download org/model"),
        ("/trainers/own/base", "one on the trainer's machine"),
        ("unsloth/Model-7B-bnb-4bit", "it is quantized"),
    ],
)
def test_a_base_that_is_not_here_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: str | None, advice: str
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UimonError, match=advice) as caught:
        resolve_base(named, None)
    assert caught.value.reason is Reason.BASE_MODEL_MISSING
    assert "--base" in caught.value.sentence
