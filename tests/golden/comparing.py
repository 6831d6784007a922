"""Golden files: what uimon keeps on disk, sends, and prints for programs, byte for byte.

`expected/` holds what it was when each file was written, and the tests compare what it is. A difference is a change of
a durable format: of what an earlier version has left in a ledger, a state directory or a W&B run, or of what a user's
scripts rely on. Where such a change is wanted, `UPDATE_GOLDEN=1 pytest tests/golden` writes the files anew, and the
commit shows each difference. It refuses to do so where `CI` is set.

`ledgers/version_N.sql` is no such file: each was written by the version that had that schema, and none is written anew.
A further schema needs one: a ledger with a line for each thing that it keeps, as `sqlite3 ledger.sqlite3 .dump` prints
it, behind `PRAGMA user_version = N;`. What of the product the tests use is imported in `subjects` alone.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

import pytest

HERE: Final = Path(__file__).parent
EXPECTED: Final = HERE / "expected"
ROOT: Final = HERE.parents[1]
_WANTED: Final = (
    "if you want that, run this test with UPDATE_GOLDEN=1, read the diff, and add a line to tests/golden/changes.md "
    "(CONTRIBUTING.md, Golden files)"
)


def assert_same(name: str, now: str | bytes) -> None:
    """Fail where `expected/NAME` does not hold `now`; write it where `UPDATE_GOLDEN` is set."""
    file = EXPECTED / name
    data = now.encode() if isinstance(now, str) else now
    if os.environ.get("UPDATE_GOLDEN"):
        if os.environ.get("CI"):
            pytest.fail("UPDATE_GOLDEN is set where CI is, too: a golden file is written anew by hand only.")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    if not file.exists():
        pytest.fail(f"There is no golden file {name}; `UPDATE_GOLDEN=1 pytest tests/golden` writes it.")
    # As lines of text, pytest shows where they differ.
    assert data.decode().splitlines() == file.read_bytes().decode().splitlines(), (
        f"{name} is not what it was; {_WANTED}"
    )
    assert data == file.read_bytes(), f"the line ends of {name} are not what they were; {_WANTED}"


def assert_same_json(name: str, now: object) -> None:
    """The same for a value, as indented JSON; the order of keys counts."""
    assert_same(f"{name}.json", json.dumps(plain(now), indent=1, ensure_ascii=False) + "\n")


def plain(value: Any) -> Any:
    """The value as what JSON has words for. Numbers are rounded to what all machines agree on. Raises TypeError
    for anything else.
    """
    if isinstance(value, Enum):
        return plain(value.value)
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, set | frozenset):
        return sorted(plain(part) for part in value)
    if isinstance(value, float):
        return float(f"{value:.9g}") if abs(value) < 1e300 else repr(value)
    if isinstance(value, Path):
        return str(value)
    if value is not None and not isinstance(value, str | int):
        raise TypeError(f"{value!r} has no lasting form")
    return value


def placed(value: Any, places: dict[str, str]) -> Any:
    """The value with each of `places` (path → placeholder) replaced in its texts."""
    if isinstance(value, dict):
        return {key: placed(part, places) for key, part in value.items()}
    if isinstance(value, list):
        return [placed(part, places) for part in value]
    if isinstance(value, str):
        for path, name in places.items():
            value = value.replace(path, name)
    return value
