"""The files in examples/ do what they say: each is run as its user would run it."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scorers import Completion, load_plugins, score
from tests.alerts.making import entry, episodes, healthy
from tests.support.command_line import refused_options
from watcher.alerts import Rule
from watcher.alerts.delivery import Command, Webhook

EXAMPLES = Path(__file__).parents[2] / "examples"
UNIT = EXAMPLES / "uimon.service"


def test_the_scorer_adds_its_metrics() -> None:
    (plugin,) = load_plugins([f"{EXAMPLES / 'headings.py'}:Headings"])
    found = score([Completion("<h1>a</h1><h2>b</h2>"), Completion("<p>c</p>")], (plugin,))
    assert (found.metrics["eval/headings/mean"], found.metrics["eval/headings/failed"]) == (1.0, 0.0)


@contextmanager
def receiver() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The receiver on a free port of its own, and where it listens."""
    command = [sys.executable, str(EXAMPLES / "webhook_receiver.py"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().split()[-1]}/", process
        finally:
            process.kill()


def test_the_receiver_takes_what_uimon_sends_and_prints_it_once() -> None:
    (alarm,) = episodes([*healthy([100, 150, 200]), entry(250, bad=range(30))], Rule.VALIDITY_DROPPED)
    with receiver() as (url, process):
        assert [Webhook(url).send(alarm, run) for run in ("one", "one", "two")] == [None] * 3
        process.kill()
        assert process.stdout is not None
        printed = process.stdout.read()
    heads = re.findall(r"^raised \w+ validity_dropped: uimon, run (\w+)", printed, re.MULTILINE)
    assert heads == ["one", "two"]


TRAINING = """
import sys
sys.path.insert(0, sys.argv[1])
import torch
from stop_on_file import StopOnFile
from transformers import Trainer, TrainingArguments

class Model(torch.nn.Linear):
    def forward(self, x):
        return {"loss": super().forward(x).sum()}

arguments = TrainingArguments("out", max_steps=50, save_steps=40, use_cpu=True, report_to=[], disable_tqdm=True)
rows = [{"x": torch.ones(2)}] * 100
Trainer(Model(2, 1), arguments, train_dataset=rows, callbacks=[StopOnFile("STOP")]).train()
"""


@pytest.mark.timeout(180)
def test_a_training_ends_at_the_file_that_an_alert_makes_and_saves_where_it_is(tmp_path: Path) -> None:
    (alarm,) = episodes([*healthy([100, 150, 200]), entry(250, bad=range(30))], Rule.VALIDITY_DROPPED)
    line = f"cd {shlex.quote(str(tmp_path))}; [ $UIMON_ALERT_LEVEL != {alarm.level} ] || touch STOP"
    assert Command(line).run(alarm, "one") is None
    command = [sys.executable, "-W", "ignore", "-c", TRAINING, str(EXAMPLES)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "out").glob("checkpoint-*")] == ["checkpoint-1"]
    assert json.loads((tmp_path / "out/checkpoint-1/trainer_state.json").read_text())["global_step"] == 1


def unit() -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read(UNIT)
    return parsed


def test_the_unit_starts_a_watch_that_the_command_line_takes() -> None:
    assert refused_options(unit()["Service"]["ExecStart"].partition(" ")[2]) == []


def test_the_unit_restarts_what_a_restart_mends_and_leaves_time_to_end() -> None:
    service = unit()["Service"]
    assert (service["Restart"], service["RestartPreventExitStatus"]) == ("on-failure", "2")
    assert (service["KillMode"], int(service["TimeoutStopSec"]) >= 10) == ("mixed", True)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/uimon/bin/uimon", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
    assert UNIT.name not in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr
