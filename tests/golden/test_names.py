"""Names that users, their scripts and earlier versions' files rely on, with their values and defaults."""

from __future__ import annotations

import json
import re
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tests.golden.comparing import EXPECTED, ROOT, assert_same_json, plain
from tests.golden.subjects import (
    DECLARED,
    ENGINE_METRICS,
    META,
    METRICS,
    POINTS,
    POOLED,
    RATES,
    SUMMARY_VERSION,
    TABLE_COLUMNS,
    AlertLevel,
    AlertSettings,
    AnswerShape,
    CheckpointKind,
    CheckStatus,
    Condition,
    FollowupState,
    Limits,
    Reason,
    RowKind,
    Rule,
    Settings,
    SignKind,
    StagingMode,
    State,
    Target,
    host_environment,
    scorers,
    session_environment,
)

ENUMS: tuple[type[StrEnum], ...] = (
    *(
        Reason,
        State,
        FollowupState,
        Condition,
        CheckpointKind,
        RowKind,
        Target,
        AlertLevel,
        Rule,
        SignKind,
        StagingMode,
        CheckStatus,
    ),
    *(scorers.Outcome, scorers.Language, scorers.Grade, AnswerShape),
)
SOURCES = sorted((*(ROOT / "watcher").rglob("*.py"), *(ROOT / "scorers").rglob("*.py")))


def settings_of(model: type[BaseModel]) -> dict[str, Any]:
    """Each field's default. Where it is another model, that one's are listed by themselves."""
    defaults = {name: field.get_default(call_default_factory=True) for name, field in model.model_fields.items()}
    return {name: "TABLE" if isinstance(value, BaseModel) else plain(value) for name, value in defaults.items()}


def test_words() -> None:
    assert_same_json("names/words", {kind.__name__: {word.name: word.value for word in kind} for kind in ENUMS})


def test_crash_points() -> None:
    used = {name for file in SOURCES for name in re.findall(r'crash_point\("([^"]+)"\)', file.read_text("utf-8"))}
    assert used == set(POINTS)
    assert_same_json("names/crash_points", POINTS)


def test_later_metrics_follow_earlier_ones() -> None:
    """The order of keys in JSON documents stays, so that whoever reads them by their place is not misled."""
    kept = json.loads((EXPECTED / "names/metrics.json").read_text("utf-8"))
    for kind, now in (("rates", RATES), ("pooled", POOLED)):
        known = [name for name in now if name in kept[kind]]
        later = set(now) - set(known)
        assert known == kept[kind], f"{kind} went, or are in another order"
        assert list(now[: len(known)]) == known, (
            f"give {sorted(later)} the last places in scorers/metrics/declarations.py"
        )


def test_metrics() -> None:
    metrics = {
        name: {
            **{"unit": info.unit, "of": info.of, "logged": info.logged, "rare": info.rare, "least": info.least},
            "bands": [(band.grade.value, band.low, band.high) for band in info.bands],
            "document": [(band.grade.value, band.low, band.high) for band in info.document_bands],
        }
        for name, info in METRICS.items()
    }
    own = sorted({name for file in SOURCES for name in re.findall(r'"(uimon/[a-z_]+)"', file.read_text("utf-8"))})
    assert len(own) > 5
    lists = {"rates": RATES, "pooled": POOLED, "of the engine": ENGINE_METRICS, "of uimon": own}
    versions = {"scorers": scorers.VERSION, "summaries": SUMMARY_VERSION}
    table = {"columns of eval/sample_generations": TABLE_COLUMNS}
    assert_same_json("names/metrics", {**lists, **table, "versions": versions, "metrics": metrics})


def test_settings() -> None:
    assert_same_json("names/settings", settings_of(Settings))


def test_settings_of_warnings() -> None:
    assert_same_json("names/alerts", settings_of(AlertSettings))


def test_names_in_a_ledger() -> None:
    assert_same_json("names/meta", META)


def test_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of uimon's own that are read or given, and those that processes get which it starts."""
    said = {name for file in SOURCES for name in re.findall(r"\bUIMON_[A-Z_]+\b(?!_)", file.read_text("utf-8"))}
    settings = {declared.variable for declared in DECLARED.values()}
    given = {"HOME": "/home", "PATH": "", "OTHER": "x", "VLLM_X": "1", "WANDB_API_KEY": "s", "UIMON_CRASH_AT": "x"}
    session = session_environment(given, Path("/s"), Limits())
    assert session.pop("PYTHONPATH") == str(ROOT), "the package itself, wherever its modules lie in it"
    with monkeypatch.context() as patched:
        patched.setattr("os.environ", given)
        engine = host_environment({"CUDA_VISIBLE_DEVICES": "1"}, Path("/cache"))
    found = {
        "settings": settings,
        "others in the code": said - settings,
        "of a session": dict(sorted(session.items())),
        "of an engine": dict(sorted(engine.items())),
    }
    assert_same_json("names/variables", found)


def test_the_package() -> None:
    """Its name, its command, its extras, and what its wheel takes along."""
    package = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project = package["project"]
    extras = sorted(project["optional-dependencies"])
    assert_same_json("names/package", {"name": project["name"], "commands": list(project["scripts"]), "extras": extras})


def test_what_scorers_offers() -> None:
    assert_same_json("names/scorers", sorted(scorers.__all__))
