"""`uimon rescore` as a person runs it: what it prints, what it refuses, what reaches W&B, and what a kill leaves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation.test_evaluate import Heard, suite
from tests.ledger.test_ledger import change_samples
from tests.support.checkpoint_files import write_checkpoint
from tests.support.looking import inspect
from tests.support.outboxes import let_time_pass
from tests.support.scripted_engine import ScriptedEngine
from tests.support.wandb_run import PROJECT, RUN, SeedRun, history
from watcher.demo.standin import ENTITY, Standin
from watcher.evaluation.evaluate import evaluate
from watcher.ledger.ledger import Ledger
from watcher.ledger.state_dir import Lease, StateDir
from watcher.model import Staged

STEPS = (50, 100, 150)


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    """A run of three checkpoints that another version has evaluated, and whose directory is gone."""
    made = StateDir(tmp_path / "state")
    made.create()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("scorers.scoring.VERSION", "1")
        ledger = Ledger(made.ledger)
        before = suite(n=2)
        ledger.keep_suite("request", before.digest, before.to_json())
        for step in STEPS:
            path = write_checkpoint(tmp_path / "ckpts", step)
            record = ledger.observe(inspect(path), RUN)
            assert record is not None
            staged = ledger.staged(record, Staged(path, f"digest-{step}"))
            assert staged is not None
            taken = ledger.begin(staged)
            assert taken is not None
            evaluation, row = evaluate(ScriptedEngine(), before, taken, None, Heard().context)
            assert ledger.evaluated(taken, evaluation, row)
        for key, value in (("run", RUN), ("entity", ENTITY), ("project", PROJECT), ("wandb", "off")):
            ledger.remember(key, value)
        ledger.close()
    return made


def uimon(*arguments: str | Path, environ: Mapping[str, str], crash_at: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from watcher.cli.app import main; main()", *map(str, arguments)]
    variables = {**environ, "UIMON_CRASH_AT": crash_at, "COLUMNS": "120", "TERM": "dumb"}
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120, check=False)


def rescore(state: StateDir, environ: Mapping[str, str], *more: str, crash_at: str = "") -> Any:
    done = uimon("rescore", "--state-dir", state.root, "--json", *more, environ=environ, crash_at=crash_at)
    assert done.returncode == 0 or crash_at, done.stderr
    return json.loads(done.stdout) if done.stdout else None


def evaluations(state: StateDir) -> list[tuple[int, str, bool]]:
    """(step, uid, scored anew) of each evaluation."""
    ledger = Ledger(state.ledger)
    try:
        return [(e.step, e.uid, bool(e.origin)) for e in ledger.evaluations()]
    finally:
        ledger.close()


def test_json_has_the_documented_shape(state: StateDir, environ: dict[str, str]) -> None:
    printed = rescore(state, environ)
    assert list(printed) == ["run", "scorers", "evaluations"]
    assert printed["run"] == RUN
    keys = ["step", "name", "digest", "state", "reason", "detail", "origin", "uid", "suite", "before", "metrics"]
    assert [list(one) for one in printed["evaluations"]] == [keys] * 3
    one = printed["evaluations"][0]
    assert (one["step"], one["name"], one["state"], one["reason"], one["detail"]) == (
        50,
        "checkpoint-50",
        "rescored",
        None,
        "",
    )
    assert (50, one["uid"], True) in evaluations(state)
    assert (50, one["origin"], False) in evaluations(state)
    assert one["metrics"]["eval/perplexity"] == one["before"]["eval/perplexity"]
    assert not any(name.startswith("uimon/") for name in one["metrics"])
    lines = [json.loads(line) for line in state.evaluations.read_text().splitlines()]
    assert [line["origin"] for line in lines if line["uid"] == one["uid"]] == [one["origin"]]
    assert [line["origin"] for line in lines if line["uid"] == one["origin"]] == [None]


def test_what_is_not_read_of_a_theme_is_named(state: StateDir, environ: dict[str, str], tmp_path: Path) -> None:
    theme = tmp_path / "tailwind.config.js"
    theme.write_text("module.exports = { theme: { extend: { colors: { brand: '#f00', ...shared } } } }")
    done = uimon("rescore", "--state-dir", state.root, "--dry-run", "--theme", theme, environ=environ)
    assert (done.returncode, "(theme.extend.colors: ...shared)" in done.stderr) == (0, True)


def test_people_get_a_table_and_sentences(state: StateDir, environ: dict[str, str]) -> None:
    ledger = Ledger(state.ledger)
    with ledger.change() as db:
        changed = "json_set(metrics, '$.\"eval/syntax_validity_rate\"', 0.25)"
        db.execute(f"UPDATE evaluation SET metrics = {changed} WHERE uid = ?", (ledger.evaluations()[0].uid,))
    ledger.close()
    first = uimon("rescore", "--state-dir", state.root, environ=environ)
    assert first.returncode == 0
    assert "3 evaluations are scored again; the old figures and rows stay as they are." in first.stderr
    assert [line.split()[:2] for line in first.stdout.splitlines()[1:]] == [[str(s), "rescored"] for s in STEPS]
    assert "0.25 → 1" in first.stdout.splitlines()[1]
    assert "→" not in first.stdout.splitlines()[2]
    second = uimon("rescore", "--state-dir", state.root, environ=environ)
    assert second.returncode == 0
    assert "There is nothing to do" in second.stderr
    shown = uimon("status", "--state-dir", state.root, environ=environ)
    assert shown.stdout.count("(rescored)") == 3


def test_a_dry_run_keeps_nothing_and_works_beside_a_watcher(state: StateDir, environ: dict[str, str]) -> None:
    before = evaluations(state)
    assert [one["state"] for one in rescore(state, environ, "--dry-run")["evaluations"]] == ["rescored"] * 3
    lease = Lease(state)
    assert [one["state"] for one in rescore(state, environ, "--dry-run")["evaluations"]] == ["rescored"] * 3
    refused = uimon("rescore", "--state-dir", state.root, environ=environ)
    lease.release()
    assert refused.returncode == 2
    assert "is in use by process" in refused.stderr
    assert "stop that watcher, run `uimon rescore` and start it again" in refused.stderr
    assert evaluations(state) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--step", "7"], "Nothing is evaluated at step 7"),
        (["--step", "last"], "'last' is not a step"),
        (["--scorer", "nobody"], "nobody"),
        (["--config", "none.toml"], "none.toml does not exist"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    state: StateDir, environ: dict[str, str], arguments: list[str], said: str
) -> None:
    refused = uimon("rescore", "--state-dir", state.root, *arguments, environ=environ)
    assert refused.returncode == 2
    assert said in refused.stderr.splitlines()[-1]
    assert "Traceback" not in refused.stderr


def test_one_step_alone(state: StateDir, environ: dict[str, str]) -> None:
    assert [one["step"] for one in rescore(state, environ, "--step", "100")["evaluations"]] == [100]
    assert [step for step, _, anew in evaluations(state) if anew] == [100]


def test_an_evaluation_that_cannot_be_scored_anew_is_the_exit_code(state: StateDir, environ: dict[str, str]) -> None:
    ledger = Ledger(state.ledger)
    change_samples(ledger, ledger.evaluations()[0].uid, lambda samples: samples[1:])
    ledger.close()
    done = uimon("rescore", "--state-dir", state.root, "--json", environ=environ)
    assert done.returncode == 1
    assert "(samples_missing)" in done.stderr
    assert [one["state"] for one in json.loads(done.stdout)["evaluations"]] == ["failed", "rescored", "rescored"]


def rows(standin: Standin) -> list[tuple[int, str]]:
    """(step, uid) of every evaluation in the run, in their order."""
    return [(line["train/global_step"], line["eval/uid"]) for line in history(standin) if "eval/uid" in line]


KILLED = (
    ("rescore.before_commit", (pytest.mark.soak,)),
    ("rescore.committed", ()),
    ("publish.before_log", (pytest.mark.soak,)),
    ("publish.logged", (pytest.mark.soak,)),
    ("publish.before_commit", (pytest.mark.soak,)),
    ("publish.committed", (pytest.mark.soak,)),
)


@pytest.mark.parametrize("point", [pytest.param(point, marks=marks) for point, marks in KILLED])
def test_wherever_it_is_killed_the_next_one_leaves_every_row_in_the_run_once(
    state: StateDir, environ: dict[str, str], standin: Standin, seed_run: SeedRun, point: str
) -> None:
    seed_run(state="running")
    ledger = Ledger(state.ledger)
    ledger.remember("wandb", "shared")
    ledger.close()
    killed = uimon("rescore", "--state-dir", state.root, "--drain-timeout", "5s", environ=environ, crash_at=point)
    # At two of the points not the command dies, but its session with W&B.
    assert killed.returncode == -signal.SIGKILL or point in ("publish.before_log", "publish.logged"), killed.stderr
    let_time_pass(state.ledger)
    rescore(state, environ)
    rescore(state, environ)
    known = evaluations(state)
    assert sorted(rows(standin)) == sorted((step, uid) for step, uid, _ in known)
    assert [step for step, _, anew in known if anew] == list(STEPS)
    ledger = Ledger(state.ledger)
    assert ledger.outbox().empty
    ledger.close()


@pytest.mark.soak
def test_rows_of_a_run_that_has_ended_go_into_it_and_it_ends_as_before(
    state: StateDir, environ: dict[str, str], standin: Standin, seed_run: SeedRun
) -> None:
    run = seed_run(state="finished", shared=False)
    ledger = Ledger(state.ledger)
    ledger.remember("wandb", "auto")
    ledger.close()
    rescore(state, {**environ, "UIMON_SETTLE": "1s"})
    assert len(rows(standin)) == 2 * len(STEPS)
    assert run.state == "finished"
