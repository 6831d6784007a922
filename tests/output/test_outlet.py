"""Standard error that nobody reads: whoever logs goes on, and what was left out is said."""

from __future__ import annotations

import fcntl
import io
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from watcher.output.outlet import Outlet
from watcher.report.live import showing

ROOT = Path(__file__).parents[2]


def lost(count: int) -> str:
    return f"[{count} left out]\n"


@pytest.fixture
def pipe() -> Iterator[tuple[int, TextIO]]:
    """A full pipe: its end to read from, and its other end as a stream."""
    read, write = os.pipe()
    size = fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    os.write(write, b"x" * size)
    stream = os.fdopen(write, "w")
    yield read, stream
    os.close(read)
    stream.close()


def test_a_full_pipe_holds_up_nobody_and_what_is_left_out_is_counted(pipe: tuple[int, TextIO]) -> None:
    read, stream = pipe
    outlet = Outlet(stream, lost, room=100)
    for number in range(50):
        outlet.write(f"line {number:04d}\n")
    assert outlet.behind
    assert not outlet.finish(0.05)
    got = b""
    while b"left out" not in got:
        got += os.read(read, 65_536)
    lines = got.lstrip(b"x").decode().splitlines()
    kept = [line for line in lines if line.startswith("line")]
    assert kept == [f"line {number:04d}" for number in range(len(kept))]
    assert lines[-1] == f"[{50 - len(kept)} left out]"
    assert 0 < len(kept) <= 10


def test_a_reader_that_is_gone_and_a_full_disk_hold_up_nobody(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stream:
        outlet = Outlet(stream, lost)
        outlet.write("into the void\n")
        assert outlet.finish(10)
    full = Path("/dev/full")
    if full.exists():
        with full.open("w") as stream:
            outlet = Outlet(stream, lost)
            outlet.write("onto a full disk\n")
            assert outlet.finish(10)


def test_what_is_logged_while_nobody_reads_costs_its_thread_nothing(
    pipe: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", pipe[1])
    monkeypatch.setattr("watcher.output.outlet.LAST_SECONDS", 0.05)
    done = threading.Event()

    def work() -> None:
        with showing("run", Path("ckpts")):
            for _ in range(3_000):
                logging.getLogger("uimon").info("%s", "a line of the log")
            done.set()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert done.wait(50)


def test_the_line_about_lost_lines_is_one_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("watcher.output.outlet.ROOM", 10)
    monkeypatch.setattr(Outlet.__init__, "__defaults__", (10,))
    with showing("run", Path("ckpts"), as_json=True):
        logging.getLogger("uimon").info("longer than the room")
    said = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["message"] for line in said] == [
        "One part of the log is left out here: standard error was blocked for too long."
    ]


def test_a_process_ends_although_nobody_reads_what_it_says() -> None:
    code = (
        "import logging\nfrom pathlib import Path\nfrom watcher.report.live import showing\n"
        "with showing('run', Path('ckpts')):\n"
        "    for _ in range(3_000): logging.getLogger('uimon').info('x' * 80)\n"
        "from watcher.cli.app import _tell\n_tell('last words')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE)
    assert process.wait(50) == 0
    assert process.stderr is not None
    process.stderr.close()


def test_a_live_display_waits_for_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that was stopped with ^S takes nothing; nobody reads its other end, either."""
    master, slave = os.openpty()
    os.set_blocking(slave, True)
    stream = os.fdopen(slave, "w")
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    done = threading.Event()

    def work() -> None:
        with showing("run", Path("ckpts")):
            for _ in range(3_000):
                logging.getLogger("uimon").info("%s", "y" * 80)
        done.set()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert done.wait(50)
    # The writer lets go of a terminal whose other end is closed.
    os.close(master)
    stream.close()
