"""Appending to and reading JSON lines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile import hostile_text, may_leave
from watcher.ledger.jsonl import _line, append_records, parse_record, read_records


def test_appended_records_are_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.jsonl"
    append_records(path, [{"step": 1, "prompt": "größe\nzwei"}])
    append_records(path, [{"step": 2, "value": None}, {"step": 3}])
    assert list(read_records(path)) == [{"step": 1, "prompt": "größe\nzwei"}, {"step": 2, "value": None}, {"step": 3}]
    assert path.read_bytes().count(b"\n") == 3


def test_missing_file_has_no_records(tmp_path: Path) -> None:
    assert list(read_records(tmp_path / "nothing.jsonl")) == []


def test_torn_last_line_costs_itself_only(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    append_records(path, [{"step": 1}])
    with path.open("ab") as file:
        file.write('{"step": 2, "prompt": "ü'.encode()[:-1])
    assert list(read_records(path)) == [{"step": 1}, None]
    append_records(path, [{"step": 3}])
    assert list(read_records(path)) == [{"step": 1}, None, {"step": 3}]


def test_lone_surrogate_of_a_models_output_survives(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    append_records(path, [{"code": "a\udc80b"}])
    assert list(read_records(path)) == [{"code": "a\udc80b"}]


@given(st.one_of(hostile_text, st.text()))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_line_steers_no_terminal_and_is_read_back_exactly(text: str) -> None:
    # JSON has no way to write a high and a low surrogate side by side that are not one character.
    record = {"uid": "u", "completion": re.sub("[\ud800-\udbff](?=[\udc00-\udfff])", "", text)}
    line = _line(record)
    assert may_leave(line.decode().removesuffix("\n"))
    assert parse_record(line) == record


def test_undefined_numbers_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with pytest.raises(ValueError, match="not JSON compliant"):
        append_records(path, [{"step": 1}, {"value": float("nan")}])
    assert not path.exists()


def test_no_records_touch_nothing(tmp_path: Path) -> None:
    append_records(tmp_path / "results.jsonl", [])
    assert not list(tmp_path.iterdir())


def test_a_line_with_a_changed_byte_is_no_record(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    append_records(path, [{"step": 1, "value": 3.5}])
    whole = path.read_bytes()
    for place in range(len(whole) - 1):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        # Only what makes the checksum's own key another one leaves the record, with a key too many.
        found = [record and (record.get("step"), record.get("value")) for record in read_records(path)]
        assert set(found) <= {None, (1, 3.5)}, changed


def test_lines_of_earlier_versions_have_no_checksum(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text('{"step": 1}\n')
    append_records(path, [{"step": 2}])
    assert list(read_records(path)) == [{"step": 1}, {"step": 2}]
