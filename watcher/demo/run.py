"""`uimon demo`: a real trainer, uimon beside it, and a check of what arrived in the run.

Three processes: this one serves the local stand-in for W&B and compares, one trains, one is `uimon watch`. Trainer
and watcher know nothing of the demo; which run they write to is in their environment and options. With two cores
or more each of the two gets one to itself, so that the trainer's step times mean something.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from watcher.demo.dataset import Collapse
from watcher.demo.standin import ENTITY, Standin, standin_environment
from watcher.demo.summary import metrics_table, pace_lines, print_failures, print_places, rows_line
from watcher.demo.verdict import DemoFailure, Plan, StepTime, TrainerPace, eval_rows, judge, pace, trainer_rows
from watcher.ledger.checkpoint_status import CheckpointStatus
from watcher.ledger.ledger import Ledger
from watcher.ledger.state_dir import StateDir
from watcher.model import JsonObject, Reason, UimonError
from watcher.output.terminal import Terminal
from watcher.report.terminal import warning_notes
from watcher.results.evidence import WarningWithSamples, warnings_with_samples
from watcher.system.processes import descendants, kill_all, kill_family

PROJECT: Final = "uimon-demo"
DEFAULT_PLAN: Final = Plan()

_POLL = 0.2
_STOP_SECONDS = 20.0
_TRAINER_END_SECONDS = 120.0
_READ_ATTEMPTS = 5
_READ_PAUSE = 2.0
_LONGEST_ANSWER = 400
_COLLAPSES: Final = {
    Collapse.BLUE: "every training answer is blue, whatever was asked for",
    Collapse.LAYOUT: "every training answer is the same component",
    Collapse.LR: "the learning rate is fifty times as high",
}
_UIMON = [sys.executable, "-c", "from watcher.cli.app import main; main()"]


@dataclass(frozen=True, slots=True)
class Site:
    """Where one demo lives: its run, its directory, and the variables that lead to its W&B server."""

    run_id: str
    root: Path
    wandb: Mapping[str, str]
    url: str | None  # of the local stand-in; None with real W&B

    @property
    def path(self) -> str:
        """The run as W&B's API names it; without an entity, the account's default one is meant."""
        return f"{PROJECT}/{self.run_id}" if self.url is None else f"{ENTITY}/{PROJECT}/{self.run_id}"

    @property
    def state(self) -> StateDir:
        """The watcher's state directory."""
        return StateDir(self.root / "state")

    @property
    def trainer_log(self) -> Path:
        """What the trainer printed."""
        return self.root / "trainer.log"

    @property
    def step_times(self) -> Path:
        """What the trainer writes down of its steps."""
        return self.root / "step_times.jsonl"


def run_demo(out: Path, *, real_wandb: bool = False, console: Console | None = None, plan: Plan = DEFAULT_PLAN) -> int:
    """Train, watch, and compare; everything is left in `out/<run id>`. Returns 1 where something is amiss.

    Raises UimonError(WANDB_KEY_MISSING) where `real_wandb` is asked for and nobody is logged in.
    """
    console = console or Terminal()
    run_id = time.strftime("demo-%Y%m%d-%H%M%S")
    root = (out / run_id).resolve()
    root.mkdir(parents=True)
    with _wandb(root, run_id, real_wandb) as site:
        _introduce(console, plan, site)
        return _Demo(plan, site, console).run()


def plan_of(collapse: str | None) -> Plan:
    """The demo's plan, with the collapse that was asked for. Raises UimonError(CONFIG_INVALID) for an unknown one."""
    if collapse is None:
        return DEFAULT_PLAN
    try:
        return replace(DEFAULT_PLAN, collapse=Collapse(collapse))
    except ValueError:
        sentence = f"There is no collapse called {collapse!r}: give one of {', '.join(Collapse)}."
        raise UimonError(Reason.CONFIG_INVALID, sentence) from None


@contextlib.contextmanager
def _wandb(root: Path, run_id: str, real: bool) -> Iterator[Site]:
    """The server that both processes log to."""
    if real:
        _require_account()
        yield Site(run_id, root, {}, None)
        return
    with Standin() as standin:
        yield Site(run_id, root, standin_environment(standin.url, root / "wandb"), standin.url)


def _require_account() -> None:
    answer = _readback("--account", dict(os.environ))
    if answer.returncode != 0:
        sentence = (
            "--real-wandb needs a W&B account: run `wandb login` (or set WANDB_API_KEY), "
            "or leave the option out and see it all with the local stand-in."
        )
        raise UimonError(Reason.WANDB_KEY_MISSING, sentence)


def _readback(argument: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "watcher.demo.readback", argument]
    return subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
    )


def _introduce(console: Console, plan: Plan, site: Site) -> None:
    server = "your W&B account" if site.url is None else f"{site.url}, a local stand-in that speaks W&B's protocol"
    console.print(Text.assemble(("uimon demo", "bold"), f": run {site.run_id}, files in {site.root}"), soft_wrap=True)
    console.print(Text(f"W&B: {server}" + ("" if site.url is None else ", not wandb.ai")), soft_wrap=True)
    console.print(
        f"Training a Llama of 0.9 M parameters from scratch on one core: {plan.steps} steps, "
        f"a checkpoint every {plan.save_steps}, the last two kept.",
        soft_wrap=True,
    )
    if plan.collapse:
        console.print(f"After step {plan.collapse_step} it goes wrong: {_COLLAPSES[plan.collapse]}.", soft_wrap=True)


def _cores() -> tuple[int, int] | None:
    """A core for the trainer and one for the watcher, where there are two."""
    cores = sorted(os.sched_getaffinity(0))
    return (cores[0], cores[1]) if len(cores) > 1 else None


class _Demo:
    """One demo: its two processes and what is known of them."""

    def __init__(self, plan: Plan, site: Site, console: Console) -> None:
        self._plan = plan
        self._site = site
        self._console = console
        self._cores = _cores()
        self._watched = (0.0, 0.0)

    def run(self) -> int:
        """From the trainer's start to the verdict."""
        with _signals_interrupt():
            trainer = self._start_trainer()
            try:
                failures = self._watch(trainer)
            except KeyboardInterrupt:
                self._console.print("The demo has stopped, and with it the trainer and the watcher.")
                return 130
            finally:
                _stop(trainer)
            return self._conclude(failures, trained=trainer.returncode == 0)

    def _start_trainer(self) -> subprocess.Popen[bytes]:
        plan, site = self._plan, self._site
        command = [
            *(sys.executable, "-m", "watcher.demo.trainer", "--out", str(site.root), "--report-to", "wandb"),
            *("--steps", str(plan.steps), "--save-steps", str(plan.save_steps), "--batch", str(plan.batch)),
            *("--run-name", site.run_id),
            *(("--collapse", plan.collapse) if plan.collapse else ()),
        ]
        environment = {
            **_clean_environment(site),
            # These three are all that a trainer needs to share its run with uimon.
            "WANDB_MODE": "shared",
            "WANDB_RUN_ID": site.run_id,
            "WANDB_X_LABEL": "trainer",
            "HF_HUB_OFFLINE": "1",
            "CUDA_VISIBLE_DEVICES": "",
        }
        with site.trainer_log.open("wb") as log:
            # A session of its own: Ctrl-C in the terminal is for the demo, which then ends the trainer by its pid.
            process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        self._pin(process, 0)
        return process

    def _start_watcher(self) -> subprocess.Popen[bytes]:
        plan, site = self._plan, self._site
        command = [
            *(*_UIMON, "watch", str(site.root / "checkpoints"), "--run-id", site.run_id, "--project", PROJECT),
            *(
                "--val",
                str(site.root / "val.jsonl"),
                "--state-dir",
                str(site.state.root),
                "--until-final",
                "--idle-exit",
                "5m",
            ),
            *("--samples", str(plan.samples), "--max-tokens", str(_LONGEST_ANSWER), "--poll", "1s"),
        ]
        process = subprocess.Popen(command, env=_clean_environment(site))
        self._pin(process, 1)
        return process

    def _pin(self, process: subprocess.Popen[bytes], which: int) -> None:
        """Give a process that was just started, and so all its children, one core."""
        if self._cores is not None:
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(process.pid, {self._cores[which]})

    def _watch(self, trainer: subprocess.Popen[bytes]) -> list[tuple[DemoFailure, str]]:
        """Let the trainer run alone for a while, then uimon beside it, until both have ended."""
        while trainer.poll() is None and len(_read_times(self._site.step_times)) < self._plan.baseline_steps:
            time.sleep(_POLL)
        if trainer.poll() is not None and trainer.returncode != 0:
            return [self._trainer_failed(trainer)]
        watcher = self._start_watcher()
        started = time.time()
        try:
            while watcher.poll() is None and not trainer.poll():
                time.sleep(_POLL)
        finally:
            _stop(watcher)
        self._watched = (started, time.time())
        if trainer.returncode:
            return [self._trainer_failed(trainer)]
        if watcher.returncode != 0:
            sentence = f"`uimon watch` ended with exit code {watcher.returncode}; its output is above."
            return [(DemoFailure.WATCHER_FAILED, sentence)]
        return self._await_trainer(trainer)

    def _await_trainer(self, trainer: subprocess.Popen[bytes]) -> list[tuple[DemoFailure, str]]:
        """The watcher is done at the last checkpoint, a little before the trainer has closed its run."""
        try:
            trainer.wait(_TRAINER_END_SECONDS)
        except subprocess.TimeoutExpired:
            sentence = f"The trainer did not end after its last checkpoint; see {self._site.trainer_log}."
            return [(DemoFailure.TRAINER_FAILED, sentence)]
        return [self._trainer_failed(trainer)] if trainer.returncode else []

    def _trainer_failed(self, trainer: subprocess.Popen[bytes]) -> tuple[DemoFailure, str]:
        log = self._site.trainer_log
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        last = lines[-1] if lines else "it said nothing"
        return DemoFailure.TRAINER_FAILED, f"The trainer ended with exit code {trainer.returncode}: {last} (see {log})"

    def _conclude(self, failures: list[tuple[DemoFailure, str]], *, trained: bool) -> int:
        """Read the run, compare, and print; what an interrupted training lacks is no finding of its own."""
        site, console = self._site, self._console
        checkpoints, warnings = _ledger(site.state)
        history, complaint = _read_run(site, self._plan.steps if trained else 0)
        if complaint:
            failures = [*failures, (DemoFailure.RUN_UNREADABLE, complaint)]
        elif trained:
            episodes = [warning.episode for warning in warnings]
            failures = [*failures, *judge(self._plan, history["rows"], checkpoints, episodes)]
        console.print()
        if eval_rows(history["rows"]):
            console.print(metrics_table(history["rows"]))
        console.print(rows_line(self._plan, history["rows"], checkpoints), soft_wrap=True)
        for note in warning_notes(warnings) or [Text("No early warnings.", style="dim")]:
            console.print(note, soft_wrap=True)
        for line in pace_lines(self._pace(), pinned=self._cores is not None):
            console.print(line, soft_wrap=True)
        print_places(console, _places(site, history.get("url")))
        print_failures(console, failures)
        return 1 if failures else 0

    def _pace(self) -> TrainerPace:
        return pace(_read_times(self._site.step_times), *self._watched)


def _clean_environment(site: Site) -> dict[str, str]:
    """This process's environment without the W&B settings of whoever started the demo, but for the account's."""
    account = ("WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_ENTITY", "WANDB_CONFIG_DIR") if site.url is None else ()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB") or name in account}
    return {**kept, **site.wandb, "WANDB_PROJECT": PROJECT}


@contextlib.contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Treat SIGTERM and a closed terminal like Ctrl-C, so that no trainer is left behind."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a process by its pid, kindly first, and what it leaves behind; harmless where it has ended already."""
    if process.poll() is not None:
        return
    # W&B's service would outlive a trainer that is ended by a signal.
    family = descendants(process.pid)
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        kill_family(process.pid)
        process.wait()
    kill_all(family)


def _read_times(path: Path) -> list[StepTime]:
    """The steps written down so far; a last line that is still being written is left for the next reading."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    records = (json.loads(line) for line in lines)
    return [StepTime(record["step"], record["seconds"], record["time"]) for record in records]


def _ledger(state: StateDir) -> tuple[list[CheckpointStatus], list[WarningWithSamples]]:
    """The checkpoints and the early warnings that the watcher's ledger knows."""
    if not state.ledger.is_file():
        return [], []
    with closing(Ledger(state.ledger, read_only=True)) as ledger:
        return ledger.status(), warnings_with_samples(ledger)


def _read_run(site: Site, expected: int) -> tuple[JsonObject, str]:
    """The run as W&B's API gives it, and why that failed.

    W&B may show rows a little late, so it is asked again while fewer than `expected` of the trainer's are there.
    """
    history: JsonObject = {"rows": []}
    complaint = ""
    for attempt in range(_READ_ATTEMPTS):
        if attempt:
            time.sleep(_READ_PAUSE)
        answer = _readback(site.path, _clean_environment(site))
        if answer.returncode == 0:
            history, complaint = json.loads(answer.stdout), ""
        else:
            said = answer.stderr.strip().splitlines()
            complaint = f"The run {site.path} could not be read back: {said[-1] if said else 'no reason given'}"
        if not complaint and len(trainer_rows(history["rows"])) >= expected:
            break
    return history, complaint


def _places(site: Site, url: str | None) -> dict[str, str | Path]:
    places: dict[str, str | Path] = {}
    if site.url is None:
        places["the run"] = url or site.path
    elif (page := _keep_page(site)) is not None:
        places["the run's page, kept"] = _shortest(page)
    state = _shortest(site.state.root)
    return {
        **places,
        "metrics as JSON lines": state / site.state.evaluations.name,
        "every sample": state / site.state.samples.name,
        "what the ledger knows": f"uimon status --state-dir {state}",
        "what the trainer said": _shortest(site.trainer_log),
    }


def _shortest(path: Path) -> Path:
    """The path as one would type it here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _keep_page(site: Site) -> Path | None:
    """Save what the stand-in shows of the run, since it ends with the demo."""
    address = f"{site.url}/{ENTITY}/{PROJECT}/runs/{site.run_id}"
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:
            page = site.root / "run.html"
            page.write_bytes(answer.read())
    except urllib.error.URLError:
        return None
    return page
