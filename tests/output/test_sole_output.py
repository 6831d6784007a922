"""A plug-in that prints, by whatever way, breaks no document on standard output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOISY = """
import os, subprocess, sys, threading
print("while it is imported")
class Noisy:
    name, version = "noisy", "1"
    def __init__(self):
        os.write(1, b"through the descriptor\\n")
    def measure(self, completion, sample):
        print("while it measures")
        sys.stdout.write("{")
        sys.__stdout__.write("through the first stream\\n")
        subprocess.run(["echo", "by a program"])
        return 1
    def aggregate(self, measurements):
        print("while it aggregates")
        sys.stdout.flush()
        return {"mean": 1.0}
"""


def test_the_answer_is_alone_on_standard_output(tmp_path: Path) -> None:
    (tmp_path / "noisy.py").write_text(NOISY)
    (tmp_path / "page.html").write_text("<p>a</p>")
    code = "from watcher.cli.app import main; main()"
    command = [sys.executable, "-c", code, "score", str(tmp_path / "page.html"), "--json"]
    command += ["--scorer", f"{tmp_path / 'noisy.py'}:Noisy"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["metrics"]["eval/noisy/mean"] == 1.0
    for said in ("imported", "descriptor", "measures", "first stream", "program", "aggregates"):
        assert said in done.stderr, said


def _shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = f"{sys.executable} -c 'from watcher.cli.app import main; main()' {line}"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("line", "code"),
    [("score page.html >&-", 0), ("status --state-dir none 2>&-", 2), ("status --state-dir none <&- >&- 2>&-", 2)],
)
def test_closed_streams_are_no_files_of_ours_and_change_no_exit_code(tmp_path: Path, line: str, code: int) -> None:
    (tmp_path / "page.html").write_text("<p>a</p>")
    done = _shell(line, tmp_path)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("line", ["--help", "score page.html", "score page.html --json"])
def test_an_answer_that_cannot_be_written_is_a_sentence(tmp_path: Path, line: str) -> None:
    (tmp_path / "page.html").write_text("<p>a</p>")
    done = _shell(f"{line} >/dev/full", tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "uimon: The answer cannot be written (No space left on device); free some space, or send standard output "
        "elsewhere."
    )
