"""Plug-in scorers through the whole service: their metrics in the run, their failures in the log, their suite."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.service.test_service import wait_until
from tests.support.checkpoint_files import write_checkpoint
from tests.support.house import House
from watcher.model import Row, RowKind


def evaluated(house: House, *scorers: str) -> Row:
    """The row of one checkpoint, evaluated with these plug-ins."""
    write_checkpoint(house.root, 50 + len(house.tracker.rows))
    house.service(once=True, scorers=list(scorers)).run()
    return next(row for row in reversed(house.tracker.rows) if row.kind is RowKind.EVAL)


def test_the_metrics_of_a_plug_in_are_in_the_run_and_its_suite_is_another(house: House) -> None:
    plain = evaluated(house)
    legacy = evaluated(house, "legacy")
    # The scripted page has a `<br>`, which the old figures call broken.
    assert legacy.values["eval/legacy/syntax_validity_rate"] == 0
    assert legacy.values["eval/syntax_validity_rate"] == 1
    assert not any("legacy" in name for name in plain.values)
    assert plain.values["eval/suite"] != legacy.values["eval/suite"]
    assert evaluated(house, "legacy").values["eval/suite"] == legacy.values["eval/suite"]


def test_a_failing_plug_in_is_named_once_and_the_checkpoint_is_published(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = tmp_path / "own.py"
    own.write_text(
        "class Own:\n    name, version = 'own', '1'\n"
        "    def measure(self, completion, sample):\n        raise KeyError('x')\n"
        "    def aggregate(self, measurements):\n        return {}\n"
    )
    write_checkpoint(house.root, 40)
    row = evaluated(house, f"{own}:Own")
    assert row.values["eval/own/failed"] == 2
    assert row.values["eval/syntax_validity_rate"] == 1
    said = [r.getMessage() for r in caplog.records if "scorer own failed on 2 of 2 samples" in r.getMessage()]
    assert len(said) == 1
    assert said[0].startswith("checkpoint-40: ")


def test_what_a_plug_in_prints_is_a_line_of_the_log(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """As it is, the model's text would steer the terminal or break a log of JSON objects."""
    own = tmp_path / "own.py"
    own.write_text(
        "import os, sys\nclass Own:\n    name, version = 'own', '1'\n"
        "    def measure(self, completion, sample):\n        print('\\x1b[31m' + completion.text)\n        return 1\n"
        "    def aggregate(self, measurements):\n"
        "        os.write(2, b'torn'); sys.stdout.flush(); return {'sum': float(len(measurements))}\n"
    )
    with caplog.at_level("INFO", "uimon"):
        assert evaluated(house, f"{own}:Own").values["eval/own/sum"] == 2
        house.closing.close()
        wait_until(lambda: "torn" in caplog.text)
    assert f"The scorer {own}:Own prints: \x1b[31m```html" in [r.getMessage() for r in caplog.records]
    assert "```html" not in "".join(capfd.readouterr())
