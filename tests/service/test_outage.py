"""An engine that is away for a while costs no checkpoint anything; a bad checkpoint still ends, alone."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.service.test_service import run_in_thread, wait_until
from tests.support.checkpoint_files import write_checkpoint
from tests.support.house import House
from tests.support.scripted_engine import ScriptedEngine
from watcher.engine.types import Loaded
from watcher.ledger.reading import AWAY_KEY
from watcher.model import CheckpointKind, Reason, State, UimonError
from watcher.service import outage
from watcher.service.health import Heartbeat, Watchdog, serving


@dataclass
class Failing(ScriptedEngine):
    """An engine that is down while `down` is set, and that dies of any weights whose digest is in `poison`."""

    down: threading.Event = field(default_factory=threading.Event)
    reason: Reason = Reason.ENGINE_START
    poison: Callable[[Path], bool] = lambda _: False
    loads: int = 0

    def load(self, path: Path, digest: str, kind: CheckpointKind, base: Path | None) -> Loaded:
        """As any other, unless it is down or the weights are poison."""
        self.loads += 1
        if self.down.is_set():
            raise UimonError(self.reason, "No CUDA GPUs are available.")
        if self.poison(path):
            raise UimonError(Reason.ENGINE_DIED, "killed by signal 9")
        return super().load(path, digest, kind, base)


@pytest.fixture
def engine(house: House, monkeypatch: pytest.MonkeyPatch) -> Failing:
    monkeypatch.setattr(outage, "PAUSES", (0.05,))
    house.engine = engine = Failing()
    return engine


def holding(value: int) -> Callable[[Path], bool]:
    """Whether the weights in a directory are those of `write_checkpoint(…, step)` with step + value = `value`."""
    return lambda path: (path / "model.safetensors").read_bytes()[-8:] == value.to_bytes(8, "little")


REASONS = [Reason.ENGINE_START, Reason.GPU_MISSING, Reason.OUT_OF_MEMORY, Reason.ENGINE_DIED, Reason.ENGINE_TIMEOUT]


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("known", [True, False])
def test_an_engine_that_is_away_costs_nothing(
    house: House, engine: Failing, caplog: pytest.LogCaptureFixture, reason: Reason, *, known: bool
) -> None:
    """`known`: the engine has evaluated one before, which its trainer has deleted since."""
    if known:
        path = write_checkpoint(house.root, 10)
        house.service(once=True).run()
        shutil.rmtree(path)
    engine.down.set()
    engine.reason = reason
    paths = [write_checkpoint(house.root, step) for step in (50, 60, 70)]
    service = house.service(until_final=True)
    thread = run_in_thread(service)
    wait_until(lambda: service.heartbeat.away() != "")
    wait_until(lambda: len(house.ledger.records(State.STAGED)) == 3)
    for path in paths:
        shutil.rmtree(path)
    loads = engine.loads
    wait_until(lambda: engine.loads > loads + 6)
    assert json.loads(house.ledger.recall(AWAY_KEY) or "{}")["sentence"] == "No CUDA GPUs are available."
    engine.down.clear()
    write_checkpoint(house.root, 100)
    thread.join(20)
    assert house.states()[-4:] == [(step, "published", None) for step in (50, 60, 70, 100)]
    assert {r.attempts for r in house.ledger.records()} == {1}
    assert sum("The engine is unavailable" in message for message in caplog.messages) == 1
    assert sum("The engine works again" in message for message in caplog.messages) == 1
    assert house.ledger.recall(AWAY_KEY) == ""
    assert service.heartbeat.away() == ""


def test_a_lone_checkpoint_waits_for_an_engine_that_was_well(house: House, engine: Failing) -> None:
    shutil.rmtree(write_checkpoint(house.root, 10).parent / "checkpoint-10", ignore_errors=True)
    write_checkpoint(house.root, 10)
    house.service(once=True).run()
    shutil.rmtree(house.root / "checkpoint-10")
    write_checkpoint(house.root, 100)
    engine.down.set()
    thread = run_in_thread(house.service(until_final=True))
    wait_until(lambda: engine.loads > 8)
    assert house.states()[-1][1] in ("staged", "evaluating")
    engine.down.clear()
    thread.join(20)
    assert house.states()[-1] == (100, "published", None)


@pytest.mark.parametrize("stays", [True, False])
@pytest.mark.parametrize("at", [50, 60, 70])
def test_a_bad_checkpoint_ends_after_its_attempts_and_holds_up_nothing(
    house: House, engine: Failing, monkeypatch: pytest.MonkeyPatch, at: int, *, stays: bool
) -> None:
    """`stays`: the evaluated ones are still there, so that the engine can be asked for them."""
    engine.poison = holding(at)
    for step in (50, 60, 70):
        write_checkpoint(house.root, step)
    if not stays:
        # The last one has nobody to be compared with.
        monkeypatch.setattr(outage, "LIMIT", 0.5)
        evaluated = house.ledger.evaluated

        def vanishing(*given: object) -> bool:
            done = evaluated(*given)  # type: ignore[arg-type]
            shutil.rmtree(given[0].path, ignore_errors=True)  # type: ignore[attr-defined]
            return done

        monkeypatch.setattr(house.ledger, "evaluated", vanishing)
    house.service(once=True).run()
    wanted = [(step, "failed" if step == at else "published") for step in (50, 60, 70)]
    assert [(step, state) for step, state, _ in house.states()] == wanted


def test_two_bad_ones_are_told_from_an_outage_by_what_comes_later(
    house: House, engine: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.poison = lambda path: holding(50)(path) or holding(60)(path)
    for step in (50, 60):
        write_checkpoint(house.root, step)
    service = house.service(until_final=True)
    thread = run_in_thread(service)
    wait_until(lambda: service.heartbeat.away() != "")
    write_checkpoint(house.root, 70)
    wait_until(lambda: [s for _, s, _ in house.states()] == ["failed", "failed", "published"])
    write_checkpoint(house.root, 100)
    thread.join(20)
    assert house.states()[-1] == (100, "published", None)


def test_a_bad_checkpoint_that_is_the_first_and_only_one_fails_at_once(house: House, engine: Failing) -> None:
    engine.poison = lambda _: True
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    assert house.states() == [(50, "failed", Reason.ENGINE_DIED)]
    assert engine.loads == 3


def test_a_watch_over_an_engine_that_stays_away_is_idle(house: House, engine: Failing) -> None:
    engine.down.set()
    for step in (50, 60):
        write_checkpoint(house.root, step)
    house.service(idle_exit=0.5).run()
    assert [state for _, state, _ in house.states()] == ["staged", "staged"]


def test_one_look_at_an_engine_that_stays_away_ends_with_its_sentence(
    house: House, engine: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("watcher.service.service.END_LIMIT", 0.3)
    engine.down.set()
    for step in (50, 60):
        write_checkpoint(house.root, step)
    with pytest.raises(UimonError, match=r"has been unavailable for 0\.3 s; .* No CUDA GPUs") as caught:
        house.service(once=True).run()
    assert caught.value.reason is Reason.ENGINE_START
    assert [state for _, state, _ in house.states()] == ["staged", "staged"]
    engine.down.clear()
    house.service(once=True).run()
    assert [state for _, state, _ in house.states()] == ["published", "published"]


def test_an_evaluation_that_hangs_ends_the_service_and_says_where(
    house: House, engine: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "watcher.service.health._ALLOWED", dict.fromkeys(("load", "score", "write"), 9) | {"generate": 0.3}
    )
    monkeypatch.setattr("watcher.service.service._JOIN_SECONDS", 0.1)
    engine.hold = threading.Event()
    monkeypatch.setattr(engine, "interrupt", lambda: None)
    write_checkpoint(house.root, 50)
    with pytest.raises(UimonError, match=r"hangs \(generate\)") as caught:
        house.service(once=True).run()
    assert caught.value.reason is Reason.EVALUATION_HUNG
    engine.hold.set()


def test_the_health_says_what_hangs_and_that_the_engine_is_away() -> None:
    from urllib.error import HTTPError
    from urllib.request import urlopen

    now = [0.0]
    heartbeat = Heartbeat(lambda: now[0])
    heartbeat.away = lambda: "No GPU."
    with serving("127.0.0.1:0", heartbeat) as port:
        with urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
            assert json.load(answer)["engine_away"] == "No GPU."
        heartbeat.pace.phase("score")
        now[0] = 301.0
        heartbeat.beat()
        with pytest.raises(HTTPError) as caught:
            urlopen(f"http://127.0.0.1:{port}/healthz")
        with caught.value as answer:
            assert json.load(answer)["evaluator"] == {"phase": "score", "seconds": 301.0}


def test_a_phase_may_take_what_its_bytes_take() -> None:
    now = [0.0]
    pace = Watchdog(lambda: now[0])
    pace.phase("load", 10**12)
    now[0] = 150_000.0
    assert pace.hung is None
    now[0] = 250_000.0
    assert str(pace.hung) == "load"
