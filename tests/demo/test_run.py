"""The demo as a whole: its processes end with it, and what went wrong is named."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

import watcher.demo.run as demo
from watcher.demo.run import run_demo
from watcher.demo.verdict import Plan, StepTime
from watcher.model import Reason, UimonError

QUICK = Plan(steps=12, save_steps=6, batch=2, samples=4, baseline_steps=4, min_validity=0.0, healthy=False)


def demo_output(out: Path, plan: Plan) -> tuple[int, str]:
    text = io.StringIO()
    return run_demo(out, plan=plan, console=Console(file=text, width=200)), text.getvalue()


def processes_that_mention(text: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if text.encode() in command:
                found.append(int(entry.name))
    return found


def test_a_trainer_that_fails_is_named_with_its_last_line(tmp_path: Path) -> None:
    code, said = demo_output(tmp_path, Plan(steps=12, batch=-1))
    assert code == 1
    assert "trainer_failed: The trainer ended with exit code 1: " in said
    assert "trainer.log" in said


@pytest.mark.timeout(120)
def test_a_watcher_that_fails_ends_the_trainer_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_UIMON", [sys.executable, "-c", "raise SystemExit(2)"])
    code, said = demo_output(tmp_path, Plan(steps=2000, save_steps=1000, batch=2, baseline_steps=4))
    assert code == 1
    assert "watcher_failed: `uimon watch` ended with exit code 2" in said
    assert "trainer_rows_missing" not in said
    assert not processes_that_mention(str(tmp_path))


@pytest.mark.timeout(120)
def test_a_watcher_that_evaluates_nothing_is_no_good_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_UIMON", [sys.executable, "-c", ""])
    code, said = demo_output(tmp_path, QUICK)
    assert code == 1
    assert "In the run: 12 of 12 rows of the trainer; 0 of 0 evaluations (2 checkpoints)" in said
    assert "checkpoint_lost: Neither evaluated nor skipped with a reason: step 6 (never seen), 12 (never seen)." in said
    assert "not wandb.ai" in said
    page = next(tmp_path.glob("demo-*/run.html"))
    assert "local stand-in, not W&amp;B" in page.read_text()


@pytest.mark.engine
@pytest.mark.timeout(900)
def test_trainer_watcher_and_stand_in_together_are_a_good_demo(tmp_path: Path) -> None:
    code, said = demo_output(
        tmp_path, Plan(steps=40, save_steps=20, batch=8, samples=8, min_validity=0.0, healthy=False)
    )
    assert code == 0, said
    assert "In the run: 40 of 40 rows of the trainer; 2 of 2 evaluations (2 checkpoints); 40 of train/perplex" in said
    assert "The demo did what it should." in said
    assert not processes_that_mention(str(tmp_path))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)])
def test_an_interrupted_demo_leaves_no_process_behind(tmp_path: Path, number: signal.Signals) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "import watcher.demo.run as demo\n"
        "demo._UIMON = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
        "plan = demo.Plan(steps=5000, save_steps=1000, batch=2, baseline_steps=2)\n"
        "sys.exit(demo.run_demo(Path(sys.argv[1]), plan=plan))\n"
    )
    # Tests that run in the background ignore Ctrl-C, and so would what they start.
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        wait_for(lambda: any("'watch'" in repr(arguments(pid)) for pid in processes_that_mention(str(tmp_path))))
        process.send_signal(number)
        said, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "The demo has stopped" in said
    wait_for(lambda: not processes_that_mention(str(tmp_path)))


def arguments(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def wait_for(condition: object, seconds: float = 60.0) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def test_a_line_that_is_still_being_written_is_left_for_later(tmp_path: Path) -> None:
    path = tmp_path / "step_times.jsonl"
    assert demo._read_times(path) == []
    path.write_text('{"step": 1, "seconds": 0.5, "time": 9.0}\n{"step": 2, "sec')
    assert demo._read_times(path) == [StepTime(1, 0.5, 9.0)]


def test_the_callers_own_run_never_reaches_the_demos_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_RUN_ID", "mine")
    monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
    with demo._wandb(tmp_path, "demo-1", real=False) as site:
        environment = demo._clean_environment(site)
    assert "WANDB_RUN_ID" not in environment
    assert environment["WANDB_API_KEY"] != "k" * 40
    assert environment["WANDB_BASE_URL"] == site.url


def test_real_wandb_without_an_account_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with pytest.raises(UimonError, match="wandb login") as caught:
        run_demo(tmp_path, real_wandb=True, console=Console(file=io.StringIO()))
    assert caught.value.reason is Reason.WANDB_KEY_MISSING
