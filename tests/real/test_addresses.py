"""A W&B run is found by its address: the server, the project and the id, each as people have them."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.uimon_command import Uimon
from watcher.cli.chosen_run import choose_run, in_its_project, said
from watcher.demo.standin import DUMMY_KEY, ENTITY, Standin, standin_environment
from watcher.demo.standin.store import RunRecord
from watcher.ledger.ledger import Ledger
from watcher.ledger.state_dir import StateDir
from watcher.model import Reason, Row, RowKind, UimonError
from watcher.service.assembly import _require_same_run, _take_down, owner_for
from watcher.settings.load import load_settings
from watcher.trackers.wandb import Limits, PublishPlan, RunRef, WandbPublisher, inspect_run, missing_run
from watcher.trackers.wandb.environment import server_environment
from watcher.trackers.wandb.local_runs import local_runs, with_project
from watcher.trackers.wandb.run_file import run_of

LIMITS = Limits(retries=1, wait_min=0.1, wait_max=0.2, request=10.0, init=10.0, polls=4, poll_pause=0.25)
OTHER_KEY = "otherkey".ljust(40, "0")
_TRAINER = "import wandb; run = wandb.init(); run.log({'a': 1}); run.finish()"


@pytest.fixture
def mine() -> Iterator[Standin]:
    with Standin() as server:
        yield server


@pytest.fixture
def other() -> Iterator[Standin]:
    with Standin(key=OTHER_KEY) as server:
        yield server


@pytest.fixture
def variables(mine: Standin, tmp_path: Path) -> dict[str, str]:
    """An environment that knows the server `mine` and no other."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("WANDB", "UIMON"))}
    return {**kept, **standin_environment(mine.url, tmp_path / "wandb-files"), "HOME": str(tmp_path)}


@pytest.fixture
def here(variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This process in that environment, in an empty directory."""
    for name in [name for name in os.environ if name.startswith(("WANDB", "UIMON"))]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        if name.startswith("WANDB") and name != "WANDB_DIR":
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    place = tmp_path / "work"
    (place / "ckpts").mkdir(parents=True)
    monkeypatch.chdir(place)
    return place


def begin(server: Standin, path: str, title: str = "") -> RunRecord:
    with server.shared.lock:
        run, _ = server.store.upsert(*path.split("/"))
        run.config = {"_wandb": {"value": {"t": {"3": [67]}}}}
        run.display_name = title or run.name
    return run


def asked(server: Standin) -> int:
    return sum(server.state()["requests"].values())


def log_in(home: Path, server: str, key: str) -> None:
    host = server.partition("://")[2]
    (home / ".netrc").write_text(f"machine {host}\n  login user\n  password {key}\n")


def test_the_host_of_an_address_is_the_server_that_is_asked_and_written_to(
    mine: Standin, other: Standin, variables: dict[str, str], tmp_path: Path
) -> None:
    begin(mine, "team/ui/abc")
    ref = RunRef.parse(f"{mine.url}/team/ui/runs/abc/workspace", environ={})
    elsewhere = {**variables, "WANDB_BASE_URL": other.url, "WANDB_APP_URL": other.url}
    facts = inspect_run(ref, environ=elsewhere, limits=LIMITS)
    assert (facts.exists, facts.path, facts.url) == (True, "team/ui/abc", f"{mine.url}/team/ui/runs/abc")
    row = Row("u1", RowKind.EVAL, 5, {"train/global_step": 5, "eval/uid": "u1"})
    publisher = WandbPublisher(ref, tmp_path / "sessions", 60, LIMITS, elsewhere)
    result = publisher.publish([row], [], PublishPlan(), lambda _uids, _position: None)
    assert result.delivered == ("u1",), result
    assert [line.get("eval/uid") for line in mine.state()["history"]["team/ui/abc"]] == ["u1"]
    assert asked(other) == 0


@pytest.mark.parametrize("path", ["my project/p1", "ü (2.1)/p1"])
def test_rows_reach_a_project_whose_name_is_quoted_in_addresses(
    mine: Standin, variables: dict[str, str], tmp_path: Path, path: str
) -> None:
    begin(mine, f"{ENTITY}/{path}")
    ref = RunRef.parse(f"{ENTITY}/{path}", environ=variables)
    assert inspect_run(ref, environ=variables, limits=LIMITS).path == f"{ENTITY}/{path}"
    row = Row("u1", RowKind.EVAL, 5, {"train/global_step": 5, "eval/uid": "u1"})
    publisher = WandbPublisher(ref, tmp_path / "sessions", 60, LIMITS, variables)
    result = publisher.publish([row], [], PublishPlan(), lambda _uids, _position: None)
    assert result.delivered == ("u1",), result
    assert [line.get("eval/uid") for line in mine.state()["history"][f"{ENTITY}/{path}"]] == ["u1"]


def test_a_page_on_the_host_of_the_pages_leads_to_the_server_behind_them(
    mine: Standin, other: Standin, variables: dict[str, str], tmp_path: Path
) -> None:
    begin(mine, "team/ui/abc")
    known = {**variables, "WANDB_APP_URL": other.url}
    ref = RunRef.parse(f"{other.url}/team/ui/runs/abc", environ=known)
    assert inspect_run(ref, environ=known, limits=LIMITS).exists
    assert asked(other) == 0


@pytest.mark.parametrize("title", ["my nice run", "outputs/sft", "saves/llama3/lora/sft", "lr: 3e-4 50%"])
def test_a_display_name_that_can_be_no_id_is_told_with_the_runs_path(mine: Standin, here: Path, title: str) -> None:
    begin(mine, f"{ENTITY}/llamafactory/lf123", title=title)
    with pytest.raises(UimonError) as caught:
        choose_run(load_settings({"run_id": title}), here / "ckpts")
    assert f"display name of {ENTITY}/llamafactory/lf123" in caught.value.sentence
    with pytest.raises(UimonError, match="is not a W&B run"):
        choose_run(load_settings({"run_id": "another run"}), here / "ckpts")


def test_the_login_for_that_server_goes_before_the_key_of_another(
    mine: Standin, other: Standin, variables: dict[str, str], tmp_path: Path
) -> None:
    begin(other, "team/ui/abc")
    ref = RunRef("team", "ui", "abc", other.url)
    log_in(tmp_path, other.url, OTHER_KEY)
    assert inspect_run(ref, environ=variables, limits=LIMITS).exists
    assert variables["WANDB_API_KEY"] == DUMMY_KEY
    assert server_environment(variables, mine.url)["WANDB_API_KEY"] == DUMMY_KEY
    assert asked(mine) == 0


def test_a_server_for_which_there_is_no_key_is_named(
    mine: Standin, other: Standin, variables: dict[str, str], tmp_path: Path
) -> None:
    log_in(tmp_path, mine.url, DUMMY_KEY)
    keyless = {name: value for name, value in variables.items() if name != "WANDB_API_KEY"}
    with pytest.raises(UimonError) as caught:
        inspect_run(RunRef("team", "ui", "abc", other.url), environ=keyless, limits=LIMITS)
    assert caught.value.reason is Reason.WANDB_KEY_MISSING
    assert f"no W&B key for {other.url}" in caught.value.sentence
    with pytest.raises(UimonError) as caught:
        inspect_run(RunRef("team", "ui", "abc", other.url), environ=variables, limits=LIMITS)
    assert caught.value.reason is Reason.WANDB_REFUSED
    assert other.url in caught.value.sentence
    assert DUMMY_KEY not in caught.value.sentence


def test_the_clouds_pages_lead_to_its_api_and_a_key_that_is_set_stays(tmp_path: Path) -> None:
    environ = {"WANDB_BASE_URL": "https://wandb.corp", "WANDB_APP_URL": "https://wandb.corp", "WANDB_API_KEY": "k"}
    environ["HOME"] = str(tmp_path)
    ref = RunRef.parse("https://wandb.ai/team/ui/runs/abc", environ=environ)
    cloud = server_environment(environ, ref.server)
    assert (cloud["WANDB_BASE_URL"], cloud["WANDB_API_KEY"]) == ("https://api.wandb.ai", "k")
    assert "WANDB_APP_URL" not in cloud
    same = {"WANDB_BASE_URL": "https://api.forge.coreweave.com"}
    assert server_environment(same, ref.server) == same
    log_in(tmp_path, "https://api.wandb.ai", OTHER_KEY)
    unset = {"HOME": str(tmp_path), "WANDB_API_KEY": "k"}
    assert server_environment(unset, ref.server)["WANDB_API_KEY"] == "k"
    assert "WANDB_API_KEY" not in server_environment({**environ, **unset}, ref.server)


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        (["llamafactory/lf123"], ("--project llamafactory", "--run-id stand-in/llamafactory/lf123")),
        (["a/lf123", "b/lf123"], ("stand-in/a/lf123, stand-in/b/lf123", "--run-id")),
        (["huggingface/x1"], ("display name of stand-in/huggingface/x1", "--run-id")),
        (["axolotl/x1", "axolotl/x2"], ("display name of stand-in/axolotl/x1, stand-in/axolotl/x2", "--run-id")),
        (["huggingface/else"], ("check the id", "--project (or WANDB_PROJECT)", "WANDB_RUN_ID=lf123")),
        ([], ("check the id", "--project (or WANDB_PROJECT)")),
    ],
)
def test_a_missing_run_is_told_with_where_it_was_looked_for_and_where_it_is(
    mine: Standin, variables: dict[str, str], runs: list[str], words: tuple[str, ...]
) -> None:
    for path in runs:
        begin(mine, f"{ENTITY}/{path}", title="else" if path.endswith("else") else "lf123")
    ref = RunRef.parse("lf123", environ={})
    facts = inspect_run(ref, environ=variables, limits=LIMITS, search=True)
    sentence = missing_run(ref, facts)
    assert not facts.exists
    assert "no run lf123 in project huggingface of entity stand-in" in sentence
    assert all(word in sentence for word in words), sentence
    assert mine.state()["unknown"] == []


def test_a_run_that_is_there_is_not_searched_for(mine: Standin, variables: dict[str, str]) -> None:
    begin(mine, f"{ENTITY}/huggingface/lf123")
    assert inspect_run(RunRef(None, "huggingface", "lf123"), environ=variables, limits=LIMITS, search=True).exists
    assert "GetProjects" not in mine.state()["requests"]


def train(variables: dict[str, str], place: Path, project: str, run_id: str, mode: str = "online") -> None:
    """A trainer's run with the real SDK, which leaves its directory in `place`."""
    own = {"WANDB_PROJECT": project, "WANDB_RUN_ID": run_id, "WANDB_DIR": str(place), "WANDB_MODE": mode}
    quiet = {"WANDB_SILENT": "true"}
    subprocess.run([sys.executable, "-c", _TRAINER], env={**variables, **own, **quiet}, check=True, cwd=place)


@pytest.mark.parametrize("named", [None, "lf123"])
def test_the_runs_own_files_name_its_project(
    variables: dict[str, str], here: Path, caplog: pytest.LogCaptureFixture, named: str | None
) -> None:
    train(variables, here, "llamafactory", "lf123")
    (begun,) = local_runs(here / "ckpts", here, {})
    found = with_project(begun)
    assert (found.run_id, found.entity, found.project) == ("lf123", ENTITY, "llamafactory")
    chosen = choose_run(load_settings({"run_id": named}), here / "ckpts")
    assert chosen.run == RunRef(ENTITY, "llamafactory", "lf123")
    with caplog.at_level(logging.INFO, "uimon"), said(chosen):
        pass
    assert "Its project is llamafactory" in caplog.text
    explicit = choose_run(load_settings({"run_id": named, "project": "mine"}), here / "ckpts")
    assert explicit.run is not None
    assert explicit.run.project == "mine"


def test_an_offline_runs_file_is_read_too(variables: dict[str, str], here: Path) -> None:
    train(variables, here, "axolotl", "off1", "offline")
    (found,) = local_runs(here / "ckpts", here, {})
    assert (found.offline, with_project(found).project) == (True, "axolotl")


def test_a_runs_file_that_is_none_or_is_cut_names_nothing(variables: dict[str, str], here: Path) -> None:
    train(variables, here, "axolotl", "off1", "offline")
    file = next(here.glob("wandb/offline-run-*/run-off1.wandb"))
    data = file.read_bytes()
    assert run_of(file)[1] == "axolotl"
    for size in (0, 3, 7, 12, 40, 130):
        (here / "cut").write_bytes(data[:size])
        assert run_of(here / "cut")[1] in (None, "axolotl")
    for content in (b"", b":W&B\xe1\xbe\x00" + b"\xff" * 400, b"\x00" * 100, data[:7] + b"\0\0\0\0\xff\xff\x01" + data):
        (here / "cut").write_bytes(content)
        assert run_of(here / "cut") == (None, None)
    assert run_of(here / "none") == (None, None)


def test_a_run_begun_here_whose_project_nobody_names_is_taken_where_wandb_has_it(
    mine: Standin, here: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "wandb" / "run-20261128_120000-lf123").mkdir(parents=True)
    begin(mine, f"{ENTITY}/llamafactory/lf123")
    settings = load_settings({})
    chosen = in_its_project(choose_run(settings, here / "ckpts"), settings)
    assert chosen.run == RunRef(ENTITY, "llamafactory", "lf123")
    with caplog.at_level(logging.INFO, "uimon"), said(chosen):
        pass
    assert "uimon uses stand-in/llamafactory, where W&B has it" in caplog.text
    # Somebody's word for the project is not passed over; of several projects none is guessed.
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    kept = in_its_project(choose_run(settings, here / "ckpts"), settings)
    assert kept.run == RunRef(None, "mine", "lf123")
    monkeypatch.delenv("WANDB_PROJECT")
    begin(mine, f"{ENTITY}/axolotl/lf123")
    assert in_its_project(choose_run(settings, here / "ckpts"), settings).run == RunRef(None, "huggingface", "lf123")


def test_a_run_that_is_named_is_never_moved_to_another_project(mine: Standin, here: Path) -> None:
    begin(mine, f"{ENTITY}/llamafactory/lf123")
    settings = load_settings({"run_id": "lf123"})
    assert in_its_project(choose_run(settings, here / "ckpts"), settings).run == RunRef(None, "huggingface", "lf123")


def test_that_an_address_goes_before_the_variable_is_said(
    mine: Standin, other: Standin, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings({"run_id": f"{other.url}/team/ui/runs/abc"})
    chosen = choose_run(settings, here / "ckpts")
    assert chosen.run is not None
    assert chosen.run.server == other.url
    assert other.url in chosen.notes[0]
    assert mine.url in chosen.notes[0]
    monkeypatch.setenv("WANDB_BASE_URL", f"{other.url}/")
    assert choose_run(settings, here / "ckpts").notes == ()
    monkeypatch.setenv("WANDB_BASE_URL", "http://[")
    assert "http://[" in choose_run(settings, here / "ckpts").notes[0]


def test_the_same_name_on_another_server_is_another_run(
    mine: Standin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_BASE_URL", raising=False)
    ref = RunRef("team", "ui", "abc")
    state = StateDir(tmp_path)
    with closing(Ledger(state.ledger)) as ledger:
        for server in (None, mine.url, None):
            owner = owner_for(replace(ref, server=server), "abc", None)
            _require_same_run(state, owner)
            _take_down(ledger, owner)
        with pytest.raises(UimonError, match=f"team/ui/abc at {mine.url}"):
            _require_same_run(state, owner_for(replace(ref, server="https://api.wandb.ai"), "abc", None))


def test_watch_and_doctor_say_where_the_run_is(mine: Standin, uimon: Uimon) -> None:
    begin(mine, f"{ENTITY}/llamafactory/lf123")
    (uimon.place / "ckpts").mkdir()
    (uimon.place / "val.jsonl").write_text('{"prompt": "card"}\n')
    known = {"WANDB_BASE_URL": mine.url, "WANDB_API_KEY": DUMMY_KEY, "VLLM_CPU_KVCACHE_SPACE": "0.5"}
    watched = uimon.run("watch", "ckpts", "--run-id", "lf123", "--once", "--state-dir", uimon.state, **known)
    assert watched.code == 2
    assert "VLLM_CPU_KVCACHE_SPACE is '0.5', but vLLM takes whole GiB only" in watched.log
    known["VLLM_CPU_KVCACHE_SPACE"] = "1"
    watched = uimon.run("watch", "ckpts", "--run-id", "lf123", "--once", "--state-dir", uimon.state, **known)
    assert "no run lf123 in project huggingface of entity stand-in" in watched.log, watched.log
    assert "--project llamafactory" in watched.log
