"""No value of any setting, option or argument is a traceback: built from the model and the commands themselves."""

from __future__ import annotations

import json
import math
import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from typer.testing import CliRunner

from tests.hostile import hostile_text, may_leave
from watcher.checkpoints import layouts_for
from watcher.checkpoints.policy import parse_policy
from watcher.cli.app import app
from watcher.cli.validation import choice_of
from watcher.engine.gpu import choose_gpu
from watcher.ledger.export import parse_keep
from watcher.ledger.state_home import Owner, default_state_dir
from watcher.model import Reason, UimonError
from watcher.output.printable import LINE, printable
from watcher.service.health import parse_address
from watcher.settings.alerts import AlertSettings, Milestone
from watcher.settings.bounds import Bound
from watcher.settings.config import DECLARED, Settings
from watcher.settings.load import load_settings
from watcher.trackers.wandb import RunRef

NUMBERS = ("inf", "-inf", "nan", "1e300", "-1", "9" * 400, "9" * 5000, "0x10", "1e-400", "٣", "1_000", "", " ", "true")
TIMES = ("99999999999d", "infd", "-1s", "1e9h", "9" * 400 + "d")
TEXTS = (
    "",
    " ",
    "\udcff",
    "a" * 300,
    "a/" * 3000,
    "x" * 110_000,
    "\x1b[31m",
    "a\nb",
    "every:" + "9" * 5000,
    "every:\u00b2",
    "host:\u00b2",
    "[::1:80",
    "http://[",
    "https://wandb.ai/a/b/runs/" + "c" * 500,
    "text:",
    "{step}" * 50,
    "{step",
    "(" * 200 + "{step}",
    "[" * 100_000,
    "{" * 50_000,
    "~nobody-of-this-name/x",
    "/dev/null",
    "/proc/self/mem/x",
)
HOSTILE = (*NUMBERS, *TIMES, *TEXTS)
"""What an argument of a program can hold; it cannot hold NUL."""


COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def numbers_in(annotation: Any) -> bool:
    """True where a field takes a number."""
    if annotation in (int, float):
        return True
    return any(numbers_in(inner) for inner in typing.get_args(annotation) if not isinstance(inner, str))


def closed(metadata: object) -> bool:
    """True for a bound that refuses infinities, NaN and huge numbers."""
    return isinstance(metadata, Bound) and not any(map(metadata.holds, (math.inf, -math.inf, math.nan, 1e300)))


def _validators(annotation: Any, own: list[Any]) -> Iterator[Any]:
    yield from own
    yield from getattr(annotation, "__metadata__", ())
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        for inner in typing.get_args(annotation):
            yield from _validators(inner, [])


@pytest.mark.parametrize("model", [Settings, AlertSettings, Milestone])
def test_every_number_of_the_settings_has_a_closed_range(model: type[BaseModel]) -> None:
    found = 0
    for name, field in model.model_fields.items():
        if numbers_in(field.annotation) and name != "progression":
            assert any(closed(one) for one in _validators(field.annotation, field.metadata)), name
            found += 1
    assert found >= 3


def test_help_names_the_range_of_every_number() -> None:
    texts = {p.name: p.help for p in COMMANDS["watch"].params if hasattr(p, "help")}
    numbers = [name for name, field in Settings.model_fields.items() if numbers_in(field.annotation)]
    ranges = {name: bound.short for name in numbers if (bound := DECLARED[name].bound)}
    assert len(ranges) == len(numbers) > 15
    assert all(said in texts[name] for name, said in ranges.items())


def refused_or_taken(name: str, value: Any) -> None:
    """Whatever reads a setting takes the value, or refuses it in one sentence."""
    try:
        chosen = load_settings({name: value})
        parse_policy(chosen.policy)
        choice_of(chosen)
        choose_gpu(chosen.gpu, False, None, None, chosen.tensor_parallel)
        parse_keep(chosen.keep_samples)
        default_state_dir(Owner(chosen.run_name or "run", chosen.project or "", chosen.entity or ""))
        for read, text in (
            (parse_address, chosen.serve),
            (layouts_for, chosen.pattern),
            (lambda text: RunRef.parse(text, environ={}), chosen.run_id),
        ):
            if text is not None:
                read(text)
    except UimonError as error:
        said = printable(error.sentence)
    else:
        said = ""
    assert len(said) <= LINE


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    for name in ("WANDB_RUN_ID", "WANDB_PROJECT", "WANDB_ENTITY"):
        monkeypatch.delenv(name, raising=False)


OTHERS: tuple[Any, ...] = ("a\0b", math.inf, -math.inf, math.nan, 10**400, -1, [], {}, [[]], {"a": "\0"}, b"\xff")
"""What only a configuration file, or nothing at all, can hold."""
TOML = ("inf", "nan", '"\\u0000"', "[]", "{}", "9" * 400, "2026-01-01", "[[[1]]]", "1e400")


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_no_value_of_a_setting_is_a_traceback(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (*HOSTILE, *OTHERS):
        refused_or_taken(name, value)
    for text in some_of(HOSTILE, name):
        with monkeypatch.context() as patch:
            patch.setenv(f"UIMON_{name.upper()}", text)
            refused_or_taken("table_kb", 5)
    for toml in TOML:
        (tmp_path / "uimon.toml").write_text(f"{name} = {toml}\n")
        refused_or_taken("table_kb", 5)


@given(name=st.sampled_from(sorted(Settings.model_fields)), value=hostile_text)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_in_any_setting_is_a_traceback(name: str, value: str) -> None:
    refused_or_taken(name, value)


def some_of(values: tuple[str, ...], name: str, share: int = 6) -> tuple[str, ...]:
    """Each value goes with one in `share` of all names; the long proof takes all of them."""
    return values[sum(map(ord, name)) % share :: share]


# Refused whatever else is right, so that no command starts its work.
STOP = {
    "watch": ["file"],
    "eval": ["nothing"],
    "score": ["nothing"],
    "status": ["--state-dir", "nothing"],
    "retry": ["1", "--state-dir", "nothing"],
    "rescore": ["--state-dir", "nothing"],
    "doctor": ["--config", "nothing"],
    "demo": ["--collapse", "nothing"],
}


def options_of(command: str) -> list[str]:
    """Each option that takes a value; an empty text for the arguments."""
    return ["", *(p.opts[0] for p in COMMANDS[command].params if p.opts[0].startswith("--") and not p.is_flag)]


def test_every_command_is_tried() -> None:
    assert set(STOP) == set(COMMANDS)


@pytest.mark.parametrize("command", sorted(STOP))
def test_no_argument_of_a_command_is_a_traceback(command: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for option in options_of(command):
        for value in some_of(HOSTILE, option, 42):
            refused(command, option, value)


@pytest.mark.soak
@pytest.mark.parametrize("command", sorted(STOP))
def test_no_argument_at_all_is_a_traceback(command: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for option in options_of(command):
        for value in HOSTILE:
            refused(command, option, value)


def refused(command: str, option: str, value: str) -> None:
    """One sentence and an exit code, whatever is given."""
    stop = STOP[command] if option else [part for part in STOP[command] if command in ("doctor", "demo")]
    given = [f"{option}={value}"] if option else [value]
    result = CliRunner().invoke(app, [command, *stop, *given])
    said = (command, option, value[:60], result.output[-300:])
    assert result.exception is None or isinstance(result.exception, SystemExit), (said, result.exc_info)
    assert result.exit_code in (1, 2), said
    assert may_leave(result.stderr, lines=True), said
    assert len(result.stderr.strip().splitlines()) == 1, said
    assert result.stderr.startswith("uimon: "), said


def test_a_value_out_of_range_is_named_with_its_setting_and_the_range() -> None:
    wrong: tuple[tuple[dict[str, Any], str], ...] = (
        ({"poll": "99999999999d"}, "The setting poll cannot be '99999999999d': give 0.01s to 1d."),
        ({"disk_floor_gb": "inf"}, "The setting disk_floor_gb cannot be 'inf': give 0 to 1000000 GB."),
        ({"stage_budget_gb": "1e300"}, "The setting stage_budget_gb cannot be '1e300': give more than 0, at most"),
        ({"temperature": math.nan}, "The setting temperature cannot be 'nan': give 0 to 2."),
        ({"alerts": {"false_alarms": math.inf}}, "The setting alerts.false_alarms cannot be 'inf': give more than 0"),
        ({"state_dir": "a" * 256}, "a name in a path has at most 255 bytes"),
        ({"system": "\udcff"}, "it is not UTF-8"),
        ({"on_alert": "a\0b"}, "a text or path cannot hold a NUL"),
        ({"alerts": 1}, "The setting alerts cannot be 1: give a table."),
        ({"alerts": {"silence": "x"}}, "The setting alerts.silence cannot be 'x': give a list."),
        (
            {"alerts": {"silences": []}},
            "There is no setting called 'alerts.silences'; docs/configuration.md lists them.",
        ),
        ({"webhook": "https://h/ x"}, "give an address"),
        ({"webhook": "https://h:99999/"}, "give an address"),
        ({"webhook": "https://h/\n"}, "give an address"),
    )
    for flags, said in wrong:
        with pytest.raises(UimonError, match=re.escape(said)) as caught:
            load_settings(flags)
        assert caught.value.reason is Reason.CONFIG_INVALID
    assert json.dumps(load_settings({"seed": -5}).seed) == "-5"


def test_a_variable_that_is_no_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UIMON_ALERTS", "loud")
    with pytest.raises(UimonError, match="UIMON_ALERTS cannot be read; give its value as JSON"):
        load_settings({})
