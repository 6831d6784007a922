from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.looking import inspect
from watcher.checkpoints import DirectoryWaker, discover
from watcher.checkpoints.sources import waker as module
from watcher.model import Condition

Make = Any
LONG = 20.0


@pytest.fixture
def waker(run_dir: Path) -> Iterator[DirectoryWaker]:
    with DirectoryWaker(run_dir) as waker:
        settle(waker)
        yield waker


def settle(waker: DirectoryWaker) -> None:
    """Waits until no event is left over."""
    while waker.wait(0.2):
        pass


def later(action: Callable[[], object]) -> threading.Timer:
    timer = threading.Timer(0.2, action)
    timer.start()
    return timer


def wakes(waker: DirectoryWaker, action: Callable[[], object]) -> bool:
    timer = later(action)
    start = time.monotonic()
    woken = waker.wait(LONG)
    timer.join()
    return woken and time.monotonic() - start < LONG / 2


def test_without_events_it_sleeps_for_the_whole_time(waker: DirectoryWaker) -> None:
    start = time.monotonic()
    assert not waker.wait(0.3)
    assert time.monotonic() - start >= 0.3


def test_a_new_checkpoint_and_what_is_written_in_it_wake(waker: DirectoryWaker, run_dir: Path) -> None:
    path = run_dir / "checkpoint-5"
    assert wakes(waker, path.mkdir)
    settle(waker)
    assert wakes(waker, lambda: (path / "trainer_state.json").write_text("{}"))
    settle(waker)
    assert wakes(waker, lambda: (path / "trainer_state.json").rename(path / "t"))


def test_a_rename_of_a_temporary_directory_wakes(waker: DirectoryWaker, run_dir: Path) -> None:
    (run_dir / "tmp-checkpoint-5").mkdir()
    settle(waker)
    assert wakes(waker, lambda: (run_dir / "tmp-checkpoint-5").rename(run_dir / "checkpoint-5"))


def test_uimons_own_reading_does_not_wake_it(waker: DirectoryWaker, make: Make, run_dir: Path) -> None:
    path = make.put(run_dir / "checkpoint-5", make.full(5))
    settle(waker)
    assert inspect(path, 5).condition is Condition.COMPLETE
    assert [found.step for found in discover(run_dir)] == [5]
    assert not waker.wait(0.4)


def test_a_directory_that_comes_late_goes_and_comes_again(tmp_path: Path) -> None:
    root = tmp_path / "later"
    with DirectoryWaker(root) as waker:
        assert not waker.wait(0.05)
        for _ in range(3):
            root.mkdir()
            settle(waker)
            assert wakes(waker, (root / "checkpoint-1").mkdir)
            settle(waker)
            (root / "checkpoint-1").rmdir()
            root.rmdir()
            settle(waker)
            assert not waker.wait(0.05)


def test_a_directory_replaced_by_another_is_watched(waker: DirectoryWaker, run_dir: Path) -> None:
    run_dir.rename(run_dir.with_name("away"))
    run_dir.mkdir()
    settle(waker)
    assert wakes(waker, (run_dir / "checkpoint-1").mkdir)


def test_a_directory_made_again_at_once_is_watched_even_with_the_same_inode(
    waker: DirectoryWaker, run_dir: Path
) -> None:
    for _ in range(3):
        run_dir.rmdir()
        run_dir.mkdir()
        settle(waker)
        assert wakes(waker, (run_dir / "checkpoint-1").mkdir)
        (run_dir / "checkpoint-1").rmdir()
        settle(waker)


def test_a_signal_ends_the_wait_at_once(waker: DirectoryWaker) -> None:
    assert wakes(waker, waker.wake)


def test_what_was_written_while_nobody_waited_wakes_the_next_wait(waker: DirectoryWaker, run_dir: Path) -> None:
    (run_dir / "checkpoint-1").mkdir()
    time.sleep(0.5)
    start = time.monotonic()
    assert waker.wait(LONG)
    assert time.monotonic() - start < LONG / 2


def test_only_the_newest_checkpoints_are_watched_inside(waker: DirectoryWaker, run_dir: Path) -> None:
    for step in range(50):
        (run_dir / f"checkpoint-{step}").mkdir()
    settle(waker)
    (run_dir / "checkpoint-3" / "f").write_text("")
    assert not waker.wait(0.3)
    (run_dir / "checkpoint-49" / "f").write_text("")
    assert waker.wait(LONG)


def test_without_inotify_it_says_so_once_and_sleeps(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted() -> None:
        raise OSError(24, "inotify instance limit reached")

    monkeypatch.setattr(module, "Observer", exhausted)
    said: list[str] = []
    with DirectoryWaker(run_dir, said.append) as waker:
        for _ in range(3):
            assert not waker.wait(0.02)
    assert len(said) == 1
    assert "inotify instance limit reached" in said[0]
    assert "falls back to polling" in said[0]


def test_a_real_lack_of_inotify_instances_is_survived(run_dir: Path) -> None:
    """The limit counts for the whole user, so a process of its own user id uses its instances up."""
    code = (
        "import ctypes, os, sys, pathlib\n"
        "from watcher.checkpoints import DirectoryWaker\n"
        "if os.getuid() == 0: os.setgroups([]); os.setuid(54321)\n"
        "libc = ctypes.CDLL(None)\n"
        "fds = []\n"
        "while (fd := libc.inotify_init()) >= 0: fds.append(fd)\n"
        "said = []\n"
        "waker = DirectoryWaker(pathlib.Path(sys.argv[1]), said.append)\n"
        "woken = [waker.wait(0.01) for _ in range(3)]\n"
        "print(len(said), any(woken))\n"
        "for fd in fds: os.close(fd)\n"
        "print(waker.wait(5), len(said))\n"
        "waker.close()\n"
    )
    for folder in (run_dir, *run_dir.parents):
        # pytest keeps the directories of its tests, of which each worker has one, to their user.
        if folder.is_relative_to(tempfile.gettempdir()) and folder != Path(tempfile.gettempdir()):
            folder.chmod(folder.stat().st_mode | 0o055)
    run = [sys.executable, "-c", code, str(run_dir)]
    done = subprocess.run(run, capture_output=True, text=True, check=True, timeout=40)
    # Once instances are free again, the next wait has events again.
    assert done.stdout.split() == ["1", "False", "True", "1"], done.stderr


def test_events_that_are_lost_delay_but_lose_nothing(run_dir: Path) -> None:
    """More events than the kernel's queue holds while the process is stopped: the rescan finds every checkpoint."""
    code = (
        "import sys, pathlib\n"
        "from watcher.checkpoints import DirectoryWaker, discover\n"
        "root = pathlib.Path(sys.argv[1])\n"
        "with DirectoryWaker(root) as waker:\n"
        "    while waker.wait(0.1): pass\n"
        "    print('ready', flush=True)\n"
        "    sys.stdin.readline()\n"
        "    while len(found := discover(root)) < 3: waker.wait(1)\n"
        "    print(*[item.step for item in found], flush=True)\n"
    )
    run = [sys.executable, "-c", code, str(run_dir)]
    process = subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(19)  # SIGSTOP
        (run_dir / "checkpoint-1").mkdir()
        for i in range(9000):
            (run_dir / f"f{i}").touch()
        (run_dir / "checkpoint-2").mkdir()
        process.send_signal(18)  # SIGCONT
        (run_dir / "checkpoint-3").mkdir()
        output, _ = process.communicate("\n", timeout=30)
    finally:
        process.kill()
        process.wait()
    assert output == "1 2 3\n"
