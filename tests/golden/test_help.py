"""Help of every command, and the exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.golden.comparing import EXPECTED, assert_same, assert_same_json
from tests.golden.subjects import app, commands, load_ledger, parameters

WIDTH = {"COLUMNS": "120", "LINES": "50", "TERM": "dumb", "NO_COLOR": "1"}


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """Runs commands in a terminal of one width, without color, whatever the caller's is."""
    for name, value in (("MAX_WIDTH", None), ("FORCE_TERMINAL", False)):
        monkeypatch.setattr(f"typer.rich_utils.{name}", value)
    return CliRunner(env=WIDTH)


def said(runner: CliRunner, *arguments: str) -> Result:
    return runner.invoke(app, list(arguments), prog_name="uimon")


@pytest.mark.parametrize("command", ["", *commands()])
def test_help(runner: CliRunner, command: str) -> None:
    done = said(runner, *([command] if command else []), "--help")
    assert done.exit_code == 0
    assert_same(f"help/{command or 'uimon'}.txt", done.stdout)


def test_there_is_a_file_for_each_command() -> None:
    assert {file.stem for file in (EXPECTED / "help").iterdir()} == {"uimon", *commands()}


def test_flags_and_their_defaults() -> None:
    assert_same_json("names/flags", {name: parameters(name) for name in commands()})


def test_exit_codes(runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.html").write_text("<main>\n")
    load_ledger(6, tmp_path / "state").close()
    cases = (
        (),
        ("nonsense",),
        ("watch",),
        ("watch", ".", "--nonsense"),
        ("watch", ".", "--samples", "0"),
        ("watch", ".", "--wandb", "nonsense"),
        ("score", "page.html"),
        ("score", "missing.html"),
        ("score", "page.html", "--scorer", "missing"),
        ("status", "--state-dir", "missing"),
        ("status", "--state-dir", "state", "--baseline", "7"),
        ("retry", "x", "--state-dir", "state"),
        ("retry", "10", "--state-dir", "state"),
        ("retry", "40", "--state-dir", "state"),
        ("rescore", "--step", "x", "--state-dir", "state"),
        ("rescore", "--step", "10", "--state-dir", "state", "--dry-run"),
        ("rescore", "--step", "7", "--state-dir", "state", "--dry-run"),
        ("eval", "missing"),
    )
    found = {}
    for case in cases:
        done = said(runner, *case)
        assert isinstance(done.exception, SystemExit | None), case
        found[" ".join(("uimon", *case))] = done.exit_code
    assert_same_json("names/exit_codes", found)


def test_retry_names_what_is_due_again(runner: CliRunner, tmp_path: Path) -> None:
    load_ledger(6, tmp_path).close()
    assert_same("documents/retry.txt", said(runner, "retry", "all", "--state-dir", str(tmp_path)).stdout)
