from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from watcher.system.access import Barred, first_barred, may_read


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for step in (5, 10):
        checkpoint = tmp_path / "run" / f"checkpoint-{step}"
        checkpoint.mkdir(parents=True)
        for name in ("config.json", "model.safetensors"):
            (checkpoint / name).write_text("{}")
    return tmp_path / "run"


def test_where_everything_may_be_read_nothing_is_named(run: Path) -> None:
    assert first_barred(run, run.iterdir(), may_read) is None


@pytest.mark.parametrize("name", [".", "checkpoint-10", "checkpoint-10/model.safetensors"])
def test_the_first_that_may_not_be_read_is_named_with_its_owner_and_mode(run: Path, name: str) -> None:
    shut = run / name
    found = first_barred(run, [run / "checkpoint-10", run / "checkpoint-5"], lambda path: path != shut)
    stamp = shut.stat()
    assert found == Barred(shut, stamp.st_uid, stamp.st_gid, stamp.st_mode & 0o7777)


def test_an_umask_is_no_advice_where_safetensors_ignores_it() -> None:
    assert "umask 022" in Barred(Path("checkpoint-5/config.json"), 7, 8, 0o600).next_step
    assert "umask 022" not in Barred(Path("checkpoint-5/model.safetensors"), 7, 8, 0o600).next_step


def test_a_file_that_vanishes_meanwhile_is_no_finding(run: Path) -> None:
    def readable(path: Path) -> bool:
        if path.name == "config.json":
            path.unlink()
        return path.exists()

    assert first_barred(run, [run / "checkpoint-5"], readable) is None


def test_the_kernel_says_what_may_be_read(run: Path) -> None:
    """In a process without root's rights, to which alone permissions apply."""
    code = (
        "import os, sys, pathlib\n"
        "from watcher.system.access import may_read\n"
        "os.chdir(sys.argv[1])\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "print(*(may_read(pathlib.Path(name)) for name in sys.argv[2:]))\n"
    )
    (run / "checkpoint-5" / "model.safetensors").chmod(0)
    (run / "checkpoint-10").chmod(0)
    names = ["checkpoint-5", "checkpoint-5/config.json", "checkpoint-5/model.safetensors", "checkpoint-10"]
    command = [sys.executable, "-c", code, str(run), *names]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    finally:
        (run / "checkpoint-10").chmod(0o755)
    assert said == "True True False False\n"
