"""Programs in processes of their own: what they say, how they end, and that nothing of them is left."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from watcher.system.child import Child
from watcher.system.lines import LineSocket
from watcher.system.processes import await_group_end, descendants, group_members, kill_family

HEAD = """
import os, subprocess, sys, time
from watcher.system.lifeline import child_arguments, join_parent
parser = child_arguments()
parser.add_argument("place", nargs="?")
options = parser.parse_args()
parent = join_parent(options)
"""
SLEEPER = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']{options})"
Start = Callable[..., Child]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a program with this source, which has the line to its parent as `parent`."""
    started: list[Child] = []
    path = os.pathsep.join((str(tmp_path), str(Path(__file__).parents[2])))

    def starting(source: str, *arguments: str, output: int = subprocess.DEVNULL) -> Child:
        (tmp_path / "program.py").write_text(HEAD + source)
        started.append(Child("program", arguments, output=output, environment={"PYTHONPATH": path}))
        return started[-1]

    yield starting
    for child in started:
        child.end()
        with suppress(ValueError, AssertionError):
            child.output.close()


def test_it_hears_and_answers(start: Start) -> None:
    child = start("said = parent.receive_object()\nparent.send_object({'twice': said['n'] * 2})\nsys.exit(3)\n")
    child.lines.send_object({"n": 21}, 30.0)
    assert child.lines.receive_object(30.0) == {"twice": 42}
    with pytest.raises(EOFError):
        child.lines.receive(30.0)
    assert child.exit_status(30.0) == 3
    child.end()
    assert (child.alive, child.exit_status()) == (False, 3)


def test_what_it_prints_goes_to_its_output_alone(start: Start) -> None:
    child = start("print('out', flush=True)\nprint('err', file=sys.stderr)\n", output=subprocess.PIPE)
    assert child.output.read() == b"out\nerr\n"


def test_silence_ends_with_its_deadline(start: Start) -> None:
    child = start("time.sleep(60)\n")
    with pytest.raises(TimeoutError):
        child.lines.receive(0.05)
    assert child.alive
    child.interrupt()
    assert child.exit_status(30.0) == -signal.SIGKILL


def test_it_may_tidy_up_for_a_while_once_the_line_is_closed(start: Start, tmp_path: Path) -> None:
    source = (
        "parent.send(b'ready')\ntry:\n    parent.receive()\nexcept EOFError:\n    open(options.place, 'w').close()\n"
    )
    child = start(source, str(tmp_path / "tidied"))
    assert child.lines.receive(30.0) == b"ready"
    child.end(30.0)
    assert (tmp_path / "tidied").exists()
    assert child.exit_status() == 0


def test_nothing_that_it_started_is_left(start: Start) -> None:
    # One in a group of its own, as wandb-core is, and one of its group whose parent has ended.
    own = SLEEPER.format(options=", start_new_session=True")
    orphan = f"import subprocess, sys; print({SLEEPER.format(options=', stdout=subprocess.DEVNULL')}.pid)"
    source = (
        f"own = {own}\norphan = subprocess.run([sys.executable, '-c', {orphan!r}], stdout=subprocess.PIPE)\n"
        "parent.send_object({'own': own.pid, 'orphan': int(orphan.stdout)})\ntime.sleep(60)\n"
    )
    child = start(source)
    said = child.lines.receive_object(30.0)
    assert said["orphan"] in group_members(child.pid)
    child.end()
    assert group_members(child.pid) == []
    assert await_group_end(said["own"], 30.0)


def test_one_that_cannot_be_started_leaves_no_descriptor_open(tmp_path: Path) -> None:
    before = set(Path("/proc/self/fd").iterdir())
    with pytest.raises(FileNotFoundError):
        Child("program", output=subprocess.DEVNULL, directory=tmp_path / "missing")
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_a_process_that_leads_no_group_is_killed_alone() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        kill_family(process.pid)
        assert process.wait(30.0) == -signal.SIGKILL
    assert process.pid not in {one.pid for one in descendants(os.getpid())}
    kill_family(process.pid)


@pytest.fixture
def ends() -> Iterator[tuple[LineSocket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield LineSocket(ours), theirs


def test_lines_split_anywhere_arrive_whole_and_a_last_one_that_was_cut_off_never(
    ends: tuple[LineSocket, socket.socket],
) -> None:
    near, far = ends
    for piece in (b"on", b"e\ntwo", b"\n\nthr", b"ee\nfou"):
        far.send(piece)
    far.close()
    assert [near.receive(5.0) for _ in range(4)] == [b"one", b"two", b"", b"three"]
    with pytest.raises(EOFError):
        near.receive(5.0)


@pytest.mark.parametrize("line", [b"[1]\n", b"{\n", b"x" * 100])
def test_a_line_that_is_no_object_or_never_ends_is_refused(line: bytes, ends: tuple[LineSocket, socket.socket]) -> None:
    near, far = ends
    far.send(line)
    with pytest.raises(ValueError, match=r"JSON|Expecting|longer|more than"):
        near.receive_object(5.0, longest=50)
