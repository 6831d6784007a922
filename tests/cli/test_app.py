"""The command line as a person uses it: help, options, and one clear sentence for what is wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tests.support.checkpoint_files import write_checkpoint
from watcher.cli.app import app
from watcher.ledger.ledger import Ledger
from watcher.ledger.state_dir import Lease, StateDir
from watcher.model import Reason
from watcher.settings.config import DECLARED, Settings
from watcher.settings.load import load_settings

README = Path(__file__).parents[2] / "README.md"


def uimon(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB", "UIMON"))}
    environment |= {"COLUMNS": "100", "XDG_STATE_HOME": str(cwd / "xdg"), "TERM": "dumb", "NO_COLOR": "1"} | variables
    command = [sys.executable, "-c", "from watcher.cli.app import main; main()", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False)


def sentence(result: subprocess.CompletedProcess[str]) -> str:
    """The last line on standard error; there is never a traceback before it."""
    assert "Traceback" not in result.stderr, result.stderr
    return result.stderr.strip().splitlines()[-1]


@pytest.fixture
def val(tmp_path: Path) -> Path:
    path = tmp_path / "val.jsonl"
    path.write_text(json.dumps({"question": "a page", "answer": "<p>"}) + "\n")
    return path


def options(command: str) -> dict[str, str]:
    """Parameter name → help text of one command."""
    group = typer.main.get_command(app)
    found = group.commands[command]  # type: ignore[attr-defined]
    return {p.name: getattr(p, "help", None) or "" for p in found.params}


def test_every_setting_has_an_option_of_watch_and_every_option_is_a_setting() -> None:
    own, table = {"ckpts", "config", "debug"}, {"alerts"}
    assert set(options("watch")) - own == set(Settings.model_fields) - table


def test_the_defaults_that_help_names_are_the_settings_defaults() -> None:
    defaults = load_settings({})
    checked = 0
    for name, text in options("watch").items():
        named = re.search(r"\[default: ([\d.]+)(s|m|h|)\]", text)
        if named:
            scale = {"": 1, "s": 1, "m": 60, "h": 3600}[named[2]]
            assert float(named[1]) * scale == getattr(defaults, name), name
            checked += 1
    assert checked >= 10


def test_the_command_that_is_to_be_run_is_checked_with_doctor_in_its_place() -> None:
    assert options("doctor").items() - options("watch").items() == {
        ("ckpts", "The checkpoint directory."),
        ("json", "Print one JSON document on standard output."),
    }
    assert options("watch").keys() <= options("doctor").keys()
    following = {name for name, declared in DECLARED.items() if declared.following}
    assert options("watch").keys() - options("eval").keys() == following


def test_what_is_given_reaches_the_command_as_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}

    def run_doctor(ckpts: Path, flags: dict[str, object], config: Path | None, *, as_json: bool) -> int:
        given.update(flags, ckpts=ckpts, config=config, json=as_json)
        return 0

    monkeypatch.setattr("watcher.cli.doctor.run_doctor", run_doctor)
    line = "doctor ckpts --run-id X --val v.jsonl --pattern iter_{step} --engine-args --a=1 --once --poll 9 --scorer a"
    assert CliRunner().invoke(app, [*line.split(), "--scorer", "b", "--theme", "shadcn"]).exit_code == 0
    assert {name: value for name, value in given.items() if value} == {
        "ckpts": Path("ckpts"),
        "run_id": "X",
        "val": Path("v.jsonl"),
        "pattern": "iter_{step}",
        "engine_args": "--a=1",
        "once": True,
        "poll": "9",
        "scorers": ["a", "b"],
        "theme": ["shadcn"],
    }
    assert given.keys() - {"ckpts", "config", "json"} == {name for name, one in DECLARED.items() if one.flag}


def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    said = uimon("--version", cwd=tmp_path)
    assert (said.stdout, said.returncode) == (f"uimon {version('uimon')}\n", 0)
    elsewhere = [path for path in (README.parent / "watcher").rglob("*.py") if version("uimon") in path.read_text()]
    assert elsewhere == []


@pytest.mark.parametrize("command", ["", "watch", "eval", "score", "status", "doctor"])
def test_help_imports_names_and_settings_alone(tmp_path: Path, command: str) -> None:
    of_ours = {"watcher", "watcher.cli", "watcher.cli.app", "watcher.cli.options", "watcher.model", "watcher.output"}
    heavy = {"torch", "vllm", "transformers", "wandb", "bs4", "numpy", "pydantic_settings"}
    heavy |= set() if command else {"pydantic"}
    code = (
        "import atexit, sys\nfrom watcher.cli.app import main\n"
        "atexit.register(lambda: open('loaded', 'w').write(' '.join(sys.modules)))\nmain()"
    )
    line = [sys.executable, "-c", code, *command.split(), "--help"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Usage: uimon" in done.stdout
    loaded = set((tmp_path / "loaded").read_text().split())
    ours = {name for name in loaded if name.split(".")[0] in ("watcher", "scorers")}
    assert {name for name in ours - of_ours if not name.startswith(("watcher.settings", "watcher.output."))} == set()
    assert loaded & heavy == set()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["watch", "ckpts", "--val", "val.jsonl"], "No run is named"),
        (["watch", "ckpts", "--run-id", "a/b", "--val", "val.jsonl"], "not a W&B run"),
        (["watch", "s3://bucket/ckpts", "--wandb", "off"], "'s3://bucket/ckpts': only directories and files of this"),
        (["doctor", "hf://owner/name"], "CKPTS cannot be 'hf://owner/name'"),
        (["watch", "val.jsonl", "--wandb", "off"], "is a file"),
        (["watch", "ckpts", "--wandb", "off", "--val", "nothing.jsonl"], "does not exist; check --val"),
        (["watch", "ckpts", "--wandb", "off", "--val", "empty.jsonl"], "is empty"),
        (["watch", "ckpts", "--wandb", "off", "--val", "broken.jsonl"], "line 2 is not JSON"),
        (["watch", "ckpts", "--wandb", "off", "--val", "val.jsonl", "--samples", "0"], "samples cannot be 0"),
        (["watch", "ckpts", "--wandb", "off", "--val", "val.jsonl", "--scorer", "nothing"], "no scorer called nothing"),
        (["watch", "ckpts", "--wandb", "off", "--config", "nothing.toml"], "does not exist; check --config"),
        (["watch", "none", "--wandb", "off", "--val", "val.jsonl", "--baseline", "--once"], "name it with --base"),
        (["doctor", "ckpts", "--val", "val.jsonl", "--val-format", "nope"], "--val-format cannot be 'nope'"),
        (["doctor", "ckpts", "--val", "val.jsonl", "--val-keys", "asked=ask"], "--val-keys cannot name asked"),
        (["eval", "nothing", "--val", "val.jsonl"], "does not exist; name a checkpoint directory"),
        (["status"], "start `uimon watch`"),
        (["status", "other"], "no ledger in"),
        (["retry", "soon"], "is not a step"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(tmp_path: Path, val: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "none").mkdir()
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "broken.jsonl").write_text('{"question": "u"}\n{"question"\n')
    result = uimon(*arguments, cwd=tmp_path)
    assert words in sentence(result)
    assert result.returncode == 2


def test_a_second_watcher_is_told_who_has_the_state_directory(tmp_path: Path, val: Path) -> None:
    state = StateDir(tmp_path / "state")
    state.create()
    lease = Lease(state)
    (tmp_path / "ckpts").mkdir()
    result = uimon("watch", "ckpts", "--wandb", "off", "--state-dir", "state", "--once", cwd=tmp_path)
    lease.release()
    assert result.returncode == 2
    assert f"in use by process {os.getpid()}" in sentence(result)


def test_a_state_directory_inside_the_trainers_is_refused_and_nothing_is_made(tmp_path: Path, val: Path) -> None:
    (tmp_path / "ckpts").mkdir()
    result = uimon("watch", "ckpts", "--wandb", "off", "--state-dir", "ckpts/uimon", cwd=tmp_path)
    assert "lies in the trainer's directory" in sentence(result)
    assert result.returncode == 2
    assert list((tmp_path / "ckpts").iterdir()) == []


def test_a_ledger_of_another_run_is_refused(tmp_path: Path, val: Path) -> None:
    quick = ("--idle-exit", "0.2s", "--poll", "0.1", "--state-dir", "state", "--wandb", "off")
    assert uimon("watch", "one", *quick, "--run-id", "one", cwd=tmp_path).returncode == 0
    result = uimon("watch", "two", *quick, "--run-id", "two", cwd=tmp_path)
    assert "belongs to run one" in sentence(result)
    assert result.returncode == 2


def test_a_plug_in_is_loaded_once_a_start(tmp_path: Path, val: Path) -> None:
    (tmp_path / "own.py").write_text(
        "with open('loaded', 'a') as file:\n    file.write('once ')\n"
        "class Own:\n    name, version = 'own', '1'\n"
        "    def measure(self, completion, sample): ...\n    def aggregate(self, measurements): ...\n"
    )
    quick = ("--idle-exit", "0.2s", "--poll", "0.1", "--state-dir", "state", "--wandb", "off")
    result = uimon("watch", "ckpts", *quick, "--scorer", "own.py:Own", cwd=tmp_path)
    assert (result.returncode, (tmp_path / "loaded").read_text()) == (0, "once "), result.stderr


def test_watch_names_what_it_does_not_read_of_a_theme(tmp_path: Path, val: Path) -> None:
    theme = "module.exports = { theme: { extend: { colors: { brand: '#f00', ...shared } } } }"
    (tmp_path / "tailwind.config.js").write_text(theme)
    quick = ("--idle-exit", "0.2s", "--poll", "0.1", "--state-dir", "state", "--wandb", "off")
    result = uimon("watch", "ckpts", *quick, "--theme", "tailwind.config.js", cwd=tmp_path)
    assert (result.returncode, "(theme.extend.colors: ...shared)" in result.stderr) == (0, True), result.stderr


def test_a_missing_directory_is_waited_for(tmp_path: Path, val: Path) -> None:
    given = ("watch", "ckpts", "--wandb", "off", "--idle-exit", "1s", "--poll", "0.2")
    result = uimon(*given, cwd=tmp_path, UIMON_SAMPELS="8")
    assert "does not exist yet; waiting for it" in result.stderr
    assert "The environment has UIMON_SAMPELS, which is not a setting of uimon" in result.stderr
    assert result.returncode == 0


def test_the_base_is_waited_for_until_an_adapter_names_it(tmp_path: Path, val: Path) -> None:
    quick = ("--idle-exit", "0.2s", "--poll", "0.1", "--state-dir", "state", "--wandb", "off")
    result = uimon("watch", "ckpts", *quick, "--baseline", cwd=tmp_path)
    assert "evaluated as step 0 once an adapter is there" in result.stderr
    assert result.returncode == 0


def test_a_missing_directory_is_refused_where_nothing_is_waited_for(tmp_path: Path, val: Path) -> None:
    result = uimon("watch", "ckpt", "--wandb", "off", "--once", cwd=tmp_path)
    assert "ckpt does not exist" in sentence(result)
    assert result.returncode == 2


def test_a_checkpoint_that_cannot_be_evaluated_is_named_with_its_converter_and_exit_code_1(
    tmp_path: Path, val: Path
) -> None:
    checkpoint = write_checkpoint(tmp_path / "ckpts", 50)
    (checkpoint / "model.safetensors").unlink()
    (checkpoint / "pytorch_model.bin").write_bytes(b"pickle")
    result = uimon("watch", "ckpts", "--wandb", "off", "--once", "--state-dir", "state", cwd=tmp_path)
    assert result.returncode == 1, result.stderr
    assert Reason.PICKLE_WEIGHTS in result.stderr
    assert "save_safetensors" in result.stderr or "safe_serialization" in result.stderr
    shown = json.loads(uimon("status", "--state-dir", "state", "--json", cwd=tmp_path).stdout)
    assert [(c["step"], c["state"], c["reason"], c["published"]) for c in shown["checkpoints"]] == [
        (50, "failed", "pickle_weights", "no")
    ]
    elsewhere = uimon("status", "--state-dir", "state", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert (elsewhere.returncode, elsewhere.stderr) == (0, "")
    assert "\\u2013" in elsewhere.stdout
    assert "checkpoint-50 is queued again" in uimon("retry", "50", "--state-dir", "state", cwd=tmp_path).stdout
    assert uimon("retry", "100", "--state-dir", "state", cwd=tmp_path).returncode == 1


def test_without_vllm_one_sentence_says_how_to_install_it(tmp_path: Path, val: Path) -> None:
    code = (
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *a: None if name == 'vllm' else find(name, *a)\n"
        "sys.argv = ['uimon', 'watch', 'ckpts', '--wandb', 'off', '--state-dir', 'state']\n"
        "from watcher.cli.app import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'uimon[gpu]'" in sentence(done)


def test_a_full_disk_ends_the_watcher_with_a_sentence_and_loses_nothing(tmp_path: Path, val: Path) -> None:
    """The ledger's file may grow no further, which is what a full disk looks like to SQLite."""
    write_checkpoint(tmp_path / "ckpts", 50)
    state = StateDir(tmp_path / "state")
    state.create()
    Ledger(state.ledger).close()
    size = state.ledger.stat().st_size
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"
        "sys.argv = ['uimon', 'watch', 'ckpts', '--wandb', 'off', '--once', '--state-dir', 'state']\n"
        "from watcher.cli.app import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "disk" in sentence(done)
    shutil.rmtree(tmp_path / "xdg", ignore_errors=True)
    assert json.loads(uimon("status", "--state-dir", "state", "--json", cwd=tmp_path).stdout) is not None


def test_a_run_that_a_trainer_has_begun_beside_the_checkpoints_is_taken_and_said(tmp_path: Path, val: Path) -> None:
    (tmp_path / "ckpts").mkdir()
    (tmp_path / "wandb" / "offline-run-20261124_120000-abc123").mkdir(parents=True)
    # A GPU that is not there ends it before anything is started.
    result = uimon("watch", "ckpts", "--val", str(val), "--gpu", "7", cwd=tmp_path)
    assert result.returncode == 2
    assert "uimon uses abc123, the one that was begun here" in result.stderr
    assert "run is offline: its rows wait in the ledger" in result.stderr


def test_of_several_runs_none_is_guessed(tmp_path: Path, val: Path) -> None:
    (tmp_path / "ckpts").mkdir()
    for name in ("run-20261124_120000-old", "run-20261124_130000-new"):
        (tmp_path / "wandb" / name).mkdir(parents=True)
    result = uimon("watch", "ckpts", "--val", str(val), cwd=tmp_path)
    assert result.returncode == 2
    assert "2 runs were begun in " in sentence(result)
    assert "(the newest: new, old)" in sentence(result)


def test_without_any_run_it_is_said_how_to_name_one(tmp_path: Path) -> None:
    (tmp_path / "ckpts").mkdir()
    result = uimon("watch", "ckpts", "--val", "none.jsonl", cwd=tmp_path)
    assert result.returncode == 2
    assert "--run-id (or WANDB_RUN_ID)" in sentence(result)


@pytest.mark.parametrize(
    ("flag", "value", "said"),
    [
        ("--policy", "newest", "give all, latest, or every:K"),
        ("--pattern", "ckpt", "with {step} in the place of its step"),
        ("--serve", "8080", "give HOST:PORT"),
        ("--log-format", "xml", "log_format"),
    ],
)
def test_a_flag_that_cannot_be_read_is_named_before_anything_starts(
    tmp_path: Path, val: Path, flag: str, value: str, said: str
) -> None:
    (tmp_path / "ckpts").mkdir()
    result = uimon("watch", "ckpts", "--wandb", "off", "--val", str(val), flag, value, cwd=tmp_path)
    assert result.returncode == 2
    assert said in sentence(result)


def test_the_log_as_json_has_one_object_a_line(tmp_path: Path, val: Path) -> None:
    (tmp_path / "ckpts").mkdir()
    (tmp_path / "wandb" / "run-20261124_120000-abc123").mkdir(parents=True)
    flags = ("--val", str(val), "--gpu", "7", "--log-format", "json")
    result = uimon("watch", "ckpts", *flags, cwd=tmp_path)
    first = json.loads(result.stderr.splitlines()[0])
    assert first.keys() == {"time", "level", "message"}
    assert (first["level"], "uimon uses abc123" in first["message"]) == ("info", True)
