"""Where an adapter's base is looked for, and what is said where it is not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.checkpoint_files import write_checkpoint
from watcher.checkpoints import KNOWN
from watcher.checkpoints.base_models import BaseName, are_other_weights, resolve_base, snapshot_of
from watcher.cli.watch import _baseline
from watcher.engine.evidence import Evidence
from watcher.model import Reason, UimonError
from watcher.settings.config import Settings

MAIN, STABLE = "a" * 40, "b" * 40


def model(place: Path, content: bytes = b"weights") -> Path:
    place.mkdir(parents=True)
    (place / "config.json").write_text("{}")
    (place / "model.safetensors").write_bytes(content)
    return place


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Hugging Face cache with two revisions of acme/tiny."""
    from huggingface_hub import constants

    monkeypatch.chdir(tmp_path)
    place = tmp_path / "hf" / "models--acme--tiny"
    (place / "refs").mkdir(parents=True)
    for reference, commit in (("main", MAIN), ("stable", STABLE)):
        model(place / "snapshots" / commit, commit.encode())
        (place / "refs" / reference).write_text(commit)
    # The library reads its variables once.
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    return place


def taken(named: str | None, configured: str | None = None, near: Path | None = None) -> tuple[str, list[str]]:
    """The commit or directory that is taken, and what is said."""
    said: list[str] = []
    return resolve_base(named, configured, near, said.append).name, said


def refused(named: str | None, configured: str | None = None, near: Path | None = None) -> str:
    with pytest.raises(UimonError) as caught:
        resolve_base(named, configured, near)
    assert caught.value.reason is Reason.BASE_MODEL_MISSING
    assert "--base" in caught.value.sentence
    return caught.value.sentence


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"base_model_name_or_path": "acme/tiny"}, "acme/tiny"),
        ({"base_model_name_or_path": "acme/tiny", "revision": None}, "acme/tiny"),
        ({"base_model_name_or_path": "acme/tiny", "revision": "main"}, "acme/tiny"),
        ({"base_model_name_or_path": "acme/tiny", "revision": "stable"}, "acme/tiny@stable"),
        ({"base_model_name_or_path": "/m/a@b", "revision": None}, "/m/a@b@main"),
        ({"base_model_name_or_path": "", "revision": "stable"}, None),
        ({}, None),
    ],
)
def test_what_an_adapter_names_is_one_text(config: dict[str, object], text: str | None) -> None:
    assert BaseName.of_adapter(config) == text
    if text is not None:
        pinned = config.get("revision")
        expected = BaseName(str(config["base_model_name_or_path"]), "stable" if pinned == "stable" else "")
        assert BaseName.parse(text) == expected


@pytest.mark.parametrize(
    ("named", "configured", "commit"),
    [
        ("acme/tiny", None, MAIN),
        ("acme/tiny@stable", None, STABLE),
        (f"acme/tiny@{STABLE}", None, STABLE),
        ("acme/tiny@stable", "acme/tiny", STABLE),
        ("acme/tiny", "acme/tiny@stable", STABLE),
        (None, "acme/tiny@stable", STABLE),
        (f"/home/trainer/.cache/huggingface/hub/models--acme--tiny/snapshots/{STABLE}", None, STABLE),
    ],
)
def test_the_revision_that_is_named_is_the_one_that_is_taken(
    named: str | None, configured: str | None, commit: str
) -> None:
    assert taken(named, configured) == (commit, [])


def test_another_revision_than_the_adapters_is_taken_where_base_says_so_and_that_is_said(cache: Path) -> None:
    commit, said = taken("acme/tiny@stable", f"acme/tiny@{MAIN}")
    assert (commit, len(said)) == (MAIN, 1)
    assert "acme/tiny at revision stable" in said[0]
    commit, said = taken("other/model@stable", "acme/tiny")
    assert (commit, len(said)) == (MAIN, 1)
    directory, said = taken("acme/tiny@stable", str(cache / "snapshots" / MAIN))
    assert (directory, len(said)) == (MAIN, 1)
    assert taken("acme/tiny@stable", str(cache / "snapshots" / STABLE)) == (STABLE, [])


def test_a_revision_that_is_not_here_is_no_reason_to_take_another() -> None:
    sentence = refused("acme/tiny@v2")
    assert "hf download acme/tiny --revision v2" in sentence
    assert "only another revision" in sentence
    assert "hf download acme/tiny --revision v2" in refused("acme/tiny", "acme/tiny@v2")
    assert "hf download other/model --revision v2" in refused("other/model@v2")
    assert f"hf download other/model --revision {MAIN}" in refused(
        f"/t/.cache/huggingface/hub/models--other--model/snapshots/{MAIN}"
    )


def test_a_directory_has_no_revision(tmp_path: Path) -> None:
    place = model(tmp_path / "mine")
    assert "has no revision 'stable'" in refused(None, f"{place}@stable")
    directory, said = taken(f"{place}@stable")
    assert (directory, len(said)) == ("mine", 1)
    assert "revision stable" in said[0]


def test_a_revision_cannot_lead_out_of_the_cache(tmp_path: Path) -> None:
    (tmp_path / "leak").write_text(MAIN)
    assert "acme/tiny@../../../leak" in refused("acme/tiny@../../../leak")


def test_a_directory_is_taken_as_it_is_and_the_users_word_wins(tmp_path: Path) -> None:
    mine = model(tmp_path / "mine")
    assert resolve_base(str(tmp_path), None) == tmp_path
    assert resolve_base("/trainers/own/base", str(mine)) == mine
    assert resolve_base("org/model-bnb-4bit", str(mine)) == mine


@pytest.mark.parametrize(
    ("named", "advice", "download"),
    [
        (None, "name it with --base", False),
        ("org/model", "relative to where the trainer was started", True),
        ("models/tinyui", "relative to where the trainer was started", True),
        ("gpt2", "relative to where the trainer was started", True),
        ("out/sft/merged", "relative to where the trainer was started", False),
        ("saves/Llama 3/lora", "relative to where the trainer was started", False),
        ("/trainers/own/base", "one on the trainer's machine", False),
        ("./merged", "one on the trainer's machine", False),
        ("../merged", "one on the trainer's machine", False),
        ("~/models/x", "one on the trainer's machine", False),
        ("C:\\models\\x", "one on the trainer's machine", False),
        ("C:/models/x", "one on the trainer's machine", False),
        ("models\\x", "one on the trainer's machine", False),
        ("\\\\share\\x", "one on the trainer's machine", False),
        ("unsloth/Model-7B-bnb-4bit", "it is quantized", False),
    ],
)
def test_a_base_that_is_not_here_is_named_with_what_to_do(named: str | None, advice: str, download: bool) -> None:
    sentence = refused(named)
    assert advice in sentence
    assert ("hf download" in sentence) == download


@pytest.mark.parametrize("named", ["models/tinyui", "out/sft/merged", "./merged", "../x/merged"])
def test_a_relative_path_is_found_around_the_checkpoint_where_only_one_model_is_there(
    tmp_path: Path, named: str
) -> None:
    started = tmp_path / "home" / "x"
    place = model(started / named)
    near = started / "out" / "run" / "checkpoint-10"
    near.mkdir(parents=True)
    directory, said = taken(named, near=near)
    assert directory == place.resolve().name
    assert len(said) == 1
    assert str(place.resolve()) in said[0]


def test_of_several_models_at_a_relative_path_none_is_guessed(tmp_path: Path) -> None:
    near = tmp_path / "a" / "b" / "checkpoint-10"
    first, second = model(tmp_path / "a" / "models" / "ui"), model(tmp_path / "a" / "b" / "models" / "ui")
    sentence = refused("models/ui", near=near)
    assert str(first) in sentence
    assert str(second) in sentence
    model(tmp_path / "a" / "acme" / "tiny")
    assert "could be any of" in refused("acme/tiny", near=near)


def test_a_directory_without_a_model_is_not_taken_for_the_base(tmp_path: Path) -> None:
    (tmp_path / "a" / "models" / "ui").mkdir(parents=True)
    refused("models/ui", near=tmp_path / "a" / "run" / "checkpoint-1")


def test_step_0_is_the_revision_that_the_adapters_name(tmp_path: Path) -> None:
    place = write_checkpoint(tmp_path / "run", 10)
    (place / "model.safetensors").rename(place / "adapter_model.safetensors")
    (place / "config.json").unlink()
    config = {"base_model_name_or_path": "acme/tiny", "revision": "stable"}
    (place / "adapter_config.json").write_text(json.dumps(config))
    for named in (None, "acme/tiny"):
        of_adapters = _baseline(tmp_path / "run", Settings(base=named), KNOWN)
        assert of_adapters is not None
        assert of_adapters.name == STABLE
    of_user = _baseline(tmp_path / "none", Settings(base="acme/tiny"), KNOWN)
    assert of_user is not None
    assert of_user.name == MAIN
    assert _baseline(tmp_path / "none", Settings(), KNOWN) is None
    with pytest.raises(UimonError, match="--base"):
        _baseline(tmp_path / "none", Settings(once=True), KNOWN)


def test_two_revisions_are_other_models_where_their_weights_are(cache: Path, tmp_path: Path) -> None:
    snapshots = cache / "snapshots"
    assert are_other_weights(snapshots / MAIN, snapshots / STABLE)
    assert not are_other_weights(snapshots / MAIN, snapshots / MAIN)
    # A commit that changed the model card only.
    third = snapshots / ("c" * 40)
    third.mkdir()
    (third / "model.safetensors").symlink_to(snapshots / MAIN / "model.safetensors")
    assert not are_other_weights(snapshots / MAIN, third)
    # Of directories elsewhere nothing is known by their names.
    assert not are_other_weights(snapshots / MAIN, tmp_path)


def test_the_evidence_knows_the_revision_and_says_it_where_it_changes(cache: Path, tmp_path: Path) -> None:
    file = tmp_path / "evidence.json"
    Evidence(file).require_base(cache / "snapshots" / STABLE)
    assert "acme/tiny at commit bbbbbbbbbbbb" in file.read_text()
    with pytest.raises(UimonError, match="not the base model") as caught:
        Evidence(file).require_base(cache / "snapshots" / MAIN)
    assert "acme/tiny at commit aaaaaaaaaaaa" in caught.value.sentence
    assert "(acme/tiny at commit bbbbbbbbbbbb)" in caught.value.sentence
    assert snapshot_of(tmp_path) == str(tmp_path)


def test_the_first_digits_of_a_commit_name_its_snapshot_and_no_other(cache: Path) -> None:
    assert taken(None, f"acme/tiny@{STABLE[:7]}")[0] == STABLE
    assert taken("acme/tiny@" + STABLE[:12])[0] == STABLE
    assert "only another revision" in refused(None, "acme/tiny@" + STABLE[:6])
    assert "only another revision" in refused(None, "acme/tiny@ccccccc")
    model(cache / "snapshots" / (STABLE[:20] + "c" * 20))
    assert f"could be any of {STABLE}" in refused(None, f"acme/tiny@{STABLE[:7]}")
