"""The one engine of a pool is one caller's at a time."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from watcher.engine import EngineSettings
from watcher.engine.pool import OneEngine
from watcher.engine.supervisor import VllmEngine


def test_a_second_lease_waits_until_the_first_is_given_back(tmp_path: Path) -> None:
    pool = OneEngine(EngineSettings(tmp_path))
    has_it, let_go, order = threading.Event(), threading.Event(), list[str]()

    def first() -> None:
        with pool.lease():
            has_it.set()
            let_go.wait(10)
            order.append("given back")

    thread = threading.Thread(target=first)
    thread.start()
    assert has_it.wait(10)
    threading.Timer(0.05, let_go.set).start()
    with pool.lease():
        order.append("leased")
    thread.join()
    assert order == ["given back", "leased"]


def test_it_is_given_back_where_the_lease_ends_badly(tmp_path: Path) -> None:
    pool = OneEngine(EngineSettings(tmp_path))
    with pytest.raises(ValueError, match="ended badly"), pool.lease():
        raise ValueError("ended badly")
    with pool.lease() as engine:
        assert not engine.alive


def test_the_end_reaches_an_engine_that_is_leased(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[str] = []
    for name in ("interrupt", "close", "check_arguments"):
        monkeypatch.setattr(VllmEngine, name, lambda _, name=name: reached.append(name))
    pool = OneEngine(EngineSettings(tmp_path))
    with pool.lease():
        pool.interrupt()
        pool.close()
    pool.check_arguments()
    assert reached == ["interrupt", "close", "check_arguments"]
