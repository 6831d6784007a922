"""`pytest -p tests.support.quick`: a test that starts a process or listens on a socket is skipped where it does.

What needs an engine, a server or a browser is found by what it does, so that nobody keeps a list.
"""

from __future__ import annotations

import sys
from collections.abc import Generator

import pytest

STARTS = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "socket.bind"})
"""Python's audit events of all that `make quick` does without."""

_started: list[str] = []
"""What the running test wanted to start."""


def _refuse(event: str, _arguments: tuple[object, ...]) -> None:
    if event in STARTS:
        _started.append(event)
        pytest.skip(f"{event}: left to `make test`")


def pytest_configure(config: pytest.Config) -> None:
    """A test that is skipped half-way closes nothing, and its threads die: that is no finding."""
    for warning in (
        "ResourceWarning",
        "pytest.PytestUnraisableExceptionWarning",
        "pytest.PytestUnhandledThreadExceptionWarning",
    ):
        config.addinivalue_line("filterwarnings", f"ignore::{warning}")


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Begin to refuse, in the processes that run tests: an audit hook stays until the process ends."""
    if hasattr(session.config, "workerinput") or not session.config.getoption("numprocesses", None):
        sys.addaudithook(_refuse)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """A test that caught the refusal, or has it in another thread, is skipped as well."""
    _started.clear()
    try:
        result = yield
    except Exception as error:
        if not _started:
            raise
        raise pytest.skip.Exception(f"{_started[0]}: left to `make test`") from error
    if _started:
        pytest.skip(f"{_started[0]}: left to `make test`")
    return result
