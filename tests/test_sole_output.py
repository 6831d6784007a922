"""A plug-in that prints, by whatever way, breaks no document on standard output."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
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
    code = "from watcher.cli import main; main()"
    command = [sys.executable, "-c", code, "score", str(tmp_path / "page.html"), "--json"]
    command += ["--scorer", f"{tmp_path / 'noisy.py'}:Noisy"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["metrics"]["eval/noisy/mean"] == 1.0
    for said in ("imported", "descriptor", "measures", "first stream", "program", "aggregates"):
        assert said in done.stderr, said
