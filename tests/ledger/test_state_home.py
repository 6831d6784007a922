"""Where the state of a run lies: two runs never meet, and one that was there before is found."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.ledger.test_ledger import found
from watcher.checkpoints.base_models import resolve_base
from watcher.ledger.ledger import Ledger
from watcher.ledger.state_dir import StateDir
from watcher.ledger.state_home import Owner, default_state_dir, find_state, owner_of
from watcher.model import Reason, UimonError
from watcher.service.assembly import _require_same_run, _take_down, owner_for
from watcher.trackers.wandb import RunRef
from watcher.trackers.wandb.environment import has_login


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("WANDB_BASE_URL", raising=False)
    return tmp_path / "state" / "uimon"


def begin(place: Path, owner: Owner) -> StateDir:
    """What a watch leaves of the run that it watched."""
    place.mkdir(parents=True)
    state = StateDir(place)
    with closing(Ledger(state.ledger)) as ledger:
        _take_down(ledger, owner)
    return state


def begin_formerly(place: Path, run: str, checkpoint: Path) -> StateDir:
    """What an earlier version leaves of a run that is not logged: it does not say which directory was watched."""
    place.mkdir(parents=True)
    state = StateDir(place)
    with closing(Ledger(state.ledger)) as ledger:
        ledger.remember("run", run)
        ledger.remember("wandb", "off")
        ledger.observe(found(50), run)
        with ledger.change() as db:
            db.execute("UPDATE checkpoint SET path = ?", (str(checkpoint),))
    return state


def unlogged(root: Path) -> Owner:
    return owner_for(None, root.name, root)


@pytest.mark.parametrize("run", ["a/" * 3000, "c" * 500, "ü" * 150])
def test_a_run_of_any_length_has_a_directory(run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    place = default_state_dir(Owner(run, "project"))
    place.mkdir(parents=True)
    assert default_state_dir(Owner(f"{run}x", "project")) != place


def test_a_user_without_a_home_is_told_what_to_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_STATE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_000)
    with pytest.raises(UimonError, match="set HOME, or name a --state-dir") as caught:
        find_state("run")
    assert caught.value.reason is Reason.STATE_DIR_UNUSABLE
    # Where its key for W&B would lie, and a base model of somebody who is not there, are asked for, too.
    assert has_login({"NETRC": "~nobody-of-this-name/netrc"}, "https://api.wandb.ai") is False
    assert has_login({}, "https://api.wandb.ai") is False
    with pytest.raises(UimonError, match="~nobody-of-this-name/m"):
        resolve_base(None, "~nobody-of-this-name/m")


def test_two_trainings_that_are_not_logged_never_meet(home: Path, tmp_path: Path) -> None:
    first, second = unlogged(tmp_path / "a" / "ckpts"), unlogged(tmp_path / "b" / "ckpts")
    assert default_state_dir(first) != default_state_dir(second)
    begin(default_state_dir(first), first)
    assert default_state_dir(second) != default_state_dir(first)
    assert default_state_dir(second).parent == home
    begin(default_state_dir(second), second)
    with pytest.raises(UimonError, match=r"Several runs are called ckpts: .*; name one with --state-dir") as caught:
        find_state("ckpts")
    assert caught.value.reason is Reason.STATE_DIR_UNUSABLE
    assert all(owner.root in caught.value.sentence for owner in (first, second))


def test_a_link_to_a_directory_is_that_directory(home: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "ckpts").symlink_to(tmp_path / "real")
    link, real = (unlogged((tmp_path / name).resolve()) for name in ("ckpts", "real"))
    assert default_state_dir(link) == default_state_dir(real)


RUN = RunRef("team", "ui", "abc", "http://here")
OTHERS = (replace(RUN, project="other"), replace(RUN, entity="us"), replace(RUN, server="http://elsewhere"))


@pytest.mark.parametrize("ref", OTHERS)
def test_one_run_id_in_two_places_is_two_runs(home: Path, ref: RunRef) -> None:
    mine, theirs = owner_for(RUN, "abc", None), owner_for(ref, "abc", None)
    assert default_state_dir(mine) == home / "abc"
    begin(home / "abc", mine)
    said: list[str] = []
    place = default_state_dir(theirs, said.append)
    assert place != home / "abc"
    assert f"{home / 'abc'} belongs to run team/ui/abc" in said[0]
    begin(place, theirs)
    assert (default_state_dir(mine), default_state_dir(theirs)) == (home / "abc", place)


def test_what_is_not_known_of_a_run_this_time_makes_it_no_other_run(home: Path) -> None:
    begin(home / "abc", owner_for(RUN, "abc", None))
    assert default_state_dir(owner_for(RunRef(None, None, "abc"), "abc", None)) == home / "abc"
    assert find_state("abc").root == home / "abc"
    assert find_state("abc", "ui", "team").root == home / "abc"


def test_names_that_make_one_directorys_name_are_told_apart(home: Path) -> None:
    begin(home / "a_b", owner_for(RunRef(None, None, "a_b"), "a_b", None))
    assert default_state_dir(owner_for(RunRef(None, None, "a b"), "a b", None)).name.startswith("a_b-")


def test_the_state_that_an_earlier_version_left_is_found_where_it_is_of_these_checkpoints(
    home: Path, tmp_path: Path
) -> None:
    root = tmp_path / "a" / "ckpts"
    begin_formerly(home / "ckpts", "ckpts", root / "checkpoint-50")
    said: list[str] = []
    assert default_state_dir(unlogged(root), said.append) == home / "ckpts"
    assert not said
    assert find_state("ckpts").root == home / "ckpts"
    other = default_state_dir(unlogged(tmp_path / "b" / "ckpts"), said.append)
    assert other != home / "ckpts"
    assert f"{home / 'ckpts'} belongs to {root} (nothing is logged)" in said[0]


def test_a_state_directory_of_another_run_is_refused_with_the_next_step(home: Path, tmp_path: Path) -> None:
    (tmp_path / "a" / "ckpts").mkdir(parents=True)
    state = begin(home / "x", unlogged(tmp_path / "a" / "ckpts"))
    for other in (unlogged(tmp_path / "b" / "ckpts"), owner_for(RUN, "abc", None)):
        with pytest.raises(UimonError, match=r"belongs to .*/a/ckpts .*; give this run its own --state-dir") as caught:
            _require_same_run(state, other)
        assert caught.value.reason is Reason.CONFIG_INVALID
    _require_same_run(state, unlogged(tmp_path / "a" / "ckpts"))


def test_a_directory_that_was_moved_goes_on_with_its_state_where_that_is_named(home: Path, tmp_path: Path) -> None:
    before, now = unlogged(tmp_path / "gone" / "ckpts"), unlogged(tmp_path / "here" / "ckpts")
    state = begin(default_state_dir(before), before)
    said: list[str] = []
    assert default_state_dir(now, said.append).parent == home
    assert f"if that was moved here, name --state-dir {state.root}" in said[0]
    _require_same_run(state, now)
    with closing(Ledger(state.ledger)) as ledger:
        _take_down(ledger, now)
    assert owner_of(state) == now


def test_a_ledger_that_cannot_be_read_is_nobodys(home: Path) -> None:
    state = begin(home / "abc", owner_for(RUN, "abc", None))
    state.ledger.write_bytes(b"no database" * 500)
    assert owner_of(state) is None
    assert default_state_dir(owner_for(RUN, "abc", None)) == home / "abc"
