"""What all tests share, and how they are dealt out."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]

from tests.faults.table import FAULTS
from tests.support.dealing import FewEngines, turn
from tests.support.house import House, open_house
from tests.support.wandb_run import PROJECT, RUN, SeedRun
from watcher.demo.standin import ENTITY, Standin, standin_environment
from watcher.demo.standin.store import RunRecord
from watcher.engine.gpu import SystemNvml
from watcher.trackers.wandb import RunRef


@pytest.fixture(scope="session", autouse=True)
def vllm_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One cache for all the engines of a session: with an empty one vLLM starts a process of its own, seconds long,
    to look at each kind of model. A cache that the caller has named is left in force.
    """
    with pytest.MonkeyPatch.context() as patch:
        if "VLLM_CACHE_ROOT" not in os.environ:
            patch.setenv("VLLM_CACHE_ROOT", str(tmp_path_factory.mktemp("vllm-cache")))
        yield


@pytest.fixture(autouse=True)
def own_umask() -> Iterator[None]:
    """The umask that a state directory sets for its process ends with the test."""
    before = os.umask(0)
    os.umask(before)
    yield
    os.umask(before)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with open_house(tmp_path) as built:
        yield built


@pytest.fixture
def standin() -> Iterator[Standin]:
    with Standin() as server:
        yield server


@pytest.fixture
def environ(standin: Standin, tmp_path: Path) -> dict[str, str]:
    """An environment that knows the stand-in and no other W&B: HOME has no netrc."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WANDB")}
    return {**kept, **standin_environment(standin.url, tmp_path / "wandb"), "HOME": str(tmp_path)}


@pytest.fixture
def ref() -> RunRef:
    return RunRef(ENTITY, PROJECT, RUN)


@pytest.fixture
def seed_run(standin: Standin) -> SeedRun:
    """Put a run on the stand-in as a trainer would have left it after `lines` history lines."""

    def seed(lines: int = 10, *, shared: bool = True, state: str = "running") -> RunRecord:
        with standin.shared.lock:
            run, _ = standin.store.upsert(ENTITY, PROJECT, RUN)
            features = [14, 16, 67] if shared else [14, 16]
            run.config = {"lr": {"value": 0.1}, "_wandb": {"value": {"t": {"3": features}}}}
            content = [f'{{"train/loss": 0.5, "train/global_step": {step}}}' for step in range(lines)]
            standin.store.stream(run, {"files": {"wandb-history.jsonl": {"content": content}}}, shared=True)
            run.become(state, standin.store.clock())
        return run

    return seed


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test has logged travels from its worker as UTF-8, which lone surrogates of hostile names are not."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FewEngines:
    """Several workers get the files in the order in which they were collected."""
    config.option.loadscopereorder = False
    return FewEngines(config, log)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """What tests use is not imported for doctests where it has none: some are programs that import torch, which takes
    seconds in each worker."""
    name = collection_path.name
    if not name.endswith(".py") or name.startswith(("test_", "bench_")):
        return None
    return None if ">>> " in collection_path.read_text("utf-8") else True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """For several workers the long files come first."""
    if hasattr(config, "workerinput"):
        items.sort(key=turn)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test that needs a GPU says where there is none how to run it."""
    if item.get_closest_marker("gpu") and not SystemNvml().devices():
        pytest.skip("needs an NVIDIA GPU; on a machine with one: make gpu")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table of faults with the outcomes of this run's tests; `make quick` leaves too many out."""
    if config.pluginmanager.has_plugin("tests.support.quick"):
        return
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
