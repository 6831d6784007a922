"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.faults.table import FAULTS


@pytest.fixture(scope="session", autouse=True)
def vllm_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One cache for all the engines of a session: with an empty one vLLM starts a process of its own, seconds long,
    to look at each kind of model. A cache that the caller has named is left in force.
    """
    with pytest.MonkeyPatch.context() as patch:
        if "VLLM_CACHE_ROOT" not in os.environ:
            patch.setenv("VLLM_CACHE_ROOT", str(tmp_path_factory.mktemp("vllm-cache")))
        yield


# Before xdist's own, which reads the groups.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several workers, one runs every test that starts an engine, and a file stays with one worker: two engines
    on two cores would run into their timeouts, and a file's fixtures would be made twice.
    """
    for item in items:
        group = "engine" if item.get_closest_marker("engine") else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of faults with the outcomes of this run's tests."""
    results: dict[str, list[str]] = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            node = str(getattr(report, "nodeid", "")).partition("[")[0]
            results.setdefault(node, []).append(outcome)
    rows = [(fault, [result for test in fault.tests for result in results.get(test, [])]) for fault in FAULTS]
    if sum(bool(seen) for _, seen in rows) < len(rows) // 2:
        return  # a run of some tests only says nothing of the table
    terminalreporter.section("faults and what came of them")
    for fault, seen in rows:
        bad = len([result for result in seen if result in ("failed", "error")])
        said = f"{seen.count('passed')} passed" + (f", {bad} FAILED" if bad else "") if seen else "not run here"
        terminalreporter.write_line(f"{fault.number:>2}  {fault.fault:<46} {fault.outcome:<52} {said}")
