"""Every odd or broken checkpoint, and every way for an engine to die, one by one, with the real engine.

Each row: sound weights A are served; something goes wrong; sound weights B follow and have to answer exactly as a
fresh engine with B does. Nothing that was started may be left over. The table of what happened is printed at the end.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.engine.bad_checkpoints import CASES, Case
from tests.engine.conftest import GREEDY, Outputs, outputs
from watcher.engine import Conversation, Deadlines, Engine, EngineSettings, Generation, Rendered
from watcher.model import Reason, UimonError
from watcher.processes import await_group_end, group_members

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

MARK = "UIMON_TEST_MARK"
PICKLE_RUN = Path("/tmp/uimon-test-pickle-was-run")


def marked(mark: str) -> set[int]:
    """Living processes that carry `mark` in their environment."""
    found = set()
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and f"{MARK}={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.add(int(entry.name))
    return found


@dataclass
class House:
    """An engine of one family of models that lives through all the rows, and what fresh engines answer on B."""

    family: str
    tiny: Path
    engine: Engine
    mark: str
    rendered: Rendered
    fresh_b: Outputs
    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def serve_a(self) -> None:
        self.engine.load(self.tiny / f"{self.family}-a", "a")

    def outcome(self, path: Path, digest: str) -> str:
        """What became of a load: the reason of the refusal, or the way it went."""
        try:
            return self.engine.load(path, digest).swap
        except UimonError as error:
            assert not self.engine.alive
            with pytest.raises(UimonError, match="load a checkpoint first"):
                list(self.engine.generate(self.rendered.prompts, GREEDY, self.rendered.stop_ids))
            return error.reason

    def recover(self, name: str, seen: str) -> None:
        """Sound weights, served exactly; nothing left over; the row noted."""
        if seen == "warm":
            # Equal bytes under another digest would be settled by a fresh engine, which costs seconds.
            self.serve_a()
        loaded = self.engine.load(self.tiny / f"{self.family}-b", "b")
        exact = outputs(self.engine, loaded, self.rendered) == self.fresh_b
        assert self.engine.pid is not None
        orphans = marked(self.mark) - set(group_members(self.engine.pid))
        self.rows.append((name, seen, f"{loaded.swap}, {'exact' if exact else 'WRONG'}, {len(orphans)} left over"))
        assert exact
        assert not orphans


Houses = Callable[[str], House]


@pytest.fixture(scope="module")
def houses(
    settings: EngineSettings,
    tiny: Path,
    conversations: Sequence[Conversation],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Houses]:
    """A house for each family that is asked for; their rows are printed at the end."""
    built: dict[str, House] = {}

    def house(family: str) -> House:
        if family not in built:
            place = tmp_path_factory.mktemp(family)
            engine = Engine(replace(settings, state_dir=place, device_env={MARK: place.name}))
            rendered = engine.render(tiny / f"{family}-a", conversations)
            engine.load(tiny / f"{family}-a", "a")
            fresh = engine.load(tiny / f"{family}-b", "b")
            assert fresh.swap == "cold"
            answers = outputs(engine, fresh, rendered)
            built[family] = House(family, tiny, engine, place.name, rendered, answers)
        return built[family]

    yield house
    terminal = request.config.pluginmanager.get_plugin("terminalreporter")
    rows = [row for house in built.values() for row in house.rows]
    assert terminal is not None
    terminal.write_line("")
    for name, seen, after in rows:
        terminal.write_line(f"{name:<45} {seen:<18} then sound weights: {after}")
    wrong, left = sum("WRONG" in after for _, _, after in rows), sum("0 left" not in after for _, _, after in rows)
    terminal.write_line(f"{len(rows)} rows: {wrong} wrong numbers, {left} with processes left over")
    for house_ in built.values():
        house_.engine.close()
        assert not marked(house_.mark)


@pytest.mark.parametrize("case", [pytest.param(c, id=c.name, marks=pytest.mark.soak if c.slow else ()) for c in CASES])
def test_a_checkpoint_is_served_exactly_or_not_at_all(houses: Houses, case: Case, tmp_path: Path) -> None:
    house = houses(case.family)
    house.serve_a()
    path = tmp_path / "checkpoint-2"
    shutil.copytree(house.tiny / f"{case.family}-b", path)
    case.change(path)
    seen = house.outcome(path, "bad")
    if seen == "warm":
        assert_as_fresh(house, path, tmp_path)
    house.recover(case.name, seen)
    assert seen == case.outcome
    assert not PICKLE_RUN.exists()


def assert_as_fresh(house: House, path: Path, place: Path) -> None:
    """What the engine serves of `path` is what a fresh engine serves of it: B, where the bytes are B's."""
    now = outputs(house.engine, house.engine.load(path, "bad"), house.rendered)
    if now != house.fresh_b:
        with Engine(replace(house.engine._settings, state_dir=place / "fresh")) as fresh:
            assert outputs(fresh, fresh.load(path, "bad"), house.rendered) == now


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that happens to the host while it does something. `moment` is when; `reason` what a load or an
    evaluation ends with, or `exact` where the engine helps itself."""

    name: str
    moment: str
    happens: Callable[[int], None]
    seen: str


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)


FAULTS = (
    Fault("killed while idle", "idle", kill, Reason.ENGINE_DIED),
    Fault("killed while starting", "start", kill, Reason.ENGINE_DIED),
    Fault("killed while swapping", "swap", kill, "cold"),
    Fault("killed while generating", "generate", kill, Reason.ENGINE_DIED),
    Fault("killed while measuring", "measure", kill, Reason.ENGINE_DIED),
    Fault("stopped while idle", "idle", stop, Reason.ENGINE_TIMEOUT),
    Fault("stopped while starting", "start", stop, Reason.ENGINE_TIMEOUT),
    Fault("stopped while swapping", "swap", stop, "cold"),
    Fault("stopped while generating", "generate", stop, Reason.ENGINE_TIMEOUT),
)
SLOW_FAULTS = ("stopped while idle", "stopped while starting", "killed while measuring")


@pytest.mark.parametrize(
    "fault", [pytest.param(f, id=f.name, marks=pytest.mark.soak if f.name in SLOW_FAULTS else ()) for f in FAULTS]
)
def test_an_engine_that_dies_or_hangs_is_replaced(
    houses: Houses, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = houses("biased")
    house.serve_a()
    with monkeypatch.context() as patch:
        hasty(house.engine, patch, 3.0)
        seen = strike(house, fault)
    house.recover(fault.name, seen)
    assert seen == fault.seen


def hasty(engine: Engine, patch: pytest.MonkeyPatch, seconds: float) -> None:
    """Short deadlines: a host that hangs has to be found out within the test's time."""
    brief = Deadlines(start=seconds, cold=30.0, warm=seconds, stall=seconds, bytes_per_second=1e9)
    for holder in (engine, engine._loader):
        patch.setattr(holder, "_settings", replace(engine._settings, deadlines=brief))


def strike(house: House, fault: Fault) -> str:
    """Have the fault happen; what became of what the engine was doing."""
    engine = house.engine
    try:
        if fault.moment == "start":
            engine.close()
            threading.Thread(target=strike_the_next_host, args=(engine, fault.happens)).start()
            return engine.load(house.tiny / "biased-a", "a").swap
        assert engine.pid is not None
        if fault.moment == "swap":
            # A host that is stopped cannot be done before it is struck.
            stop(engine.pid)
            threading.Timer(0.5, fault.happens, (engine.pid,)).start()
            return engine.load(house.tiny / "biased-b", "b").swap
        if fault.moment == "generate":
            stream = generation(house, 20)
            next(stream)
            fault.happens(engine.pid)
            return f"{len(list(stream))} samples"
        fault.happens(engine.pid)
        return str(engine.perplexity(house.rendered.prompts))
    except UimonError as error:
        assert not engine.alive
        assert engine.pid is None
        return error.reason


def strike_the_next_host(engine: Engine, happens: Callable[[int], None]) -> None:
    """Wait for a host to be there, give it a second to start importing, and strike."""
    while engine.pid is None:
        time.sleep(0.01)
    pid = engine.pid
    time.sleep(1.0)
    happens(pid)


def generation(house: House, times: int) -> Iterator[Generation]:
    """Many answers, none of which ends by itself."""
    prompts = [replace(p, id=f"{p.id}-{n}") for n in range(times) for p in house.rendered.prompts]
    return house.engine.generate(prompts, replace(GREEDY, max_tokens=180), ())


def test_a_reader_that_does_not_read_stops_nothing_and_loses_nothing(
    houses: Houses, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = houses("biased")
    house.engine.close()
    narrow = socket.socketpair
    monkeypatch.setattr("watcher.engine.process.socket.socketpair", lambda: narrow_pair(narrow))
    house.serve_a()
    stream = generation(house, 20)
    slow = [next(stream)]
    time.sleep(5.0)
    slow += stream
    # Far more than the socket between the processes holds.
    assert sum(len(g.text) for g in slow) > 5 * SOCKET_BYTES
    assert sorted(slow, key=lambda g: g.prompt_id) == sorted(generation(house, 20), key=lambda g: g.prompt_id)
    house.recover("nobody reads for a while", "exact")


SOCKET_BYTES = 2048


def narrow_pair(make: Callable[[], tuple[socket.socket, socket.socket]]) -> tuple[socket.socket, socket.socket]:
    """A pair of sockets that takes little before it is full."""
    pair = make()
    for end in pair:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
    return pair


PARENT = """
import sys
from dataclasses import replace
from pathlib import Path
from watcher.engine import Conversation, Engine, EngineSettings, Sampling
state, model, mark, many = sys.argv[1:]
environment = {"UIMON_TEST_MARK": mark, "VLLM_ENABLE_V1_MULTIPROCESSING": many}
engine = Engine(EngineSettings(Path(state), environment, max_num_seqs=8, max_model_len=256, nice=0))
rendered = engine.render(Path(model), [Conversation("c", (("user", "Make a page."),))])
engine.load(Path(model), "a")
prompts = [replace(rendered.prompts[0], id=str(n)) for n in range(1000)]
for number, sample in enumerate(engine.generate(prompts, Sampling(200, 1.0, 1.0, 0), ())):
    if number == 0:
        print(engine.pid, flush=True)
"""


@pytest.mark.parametrize("many", ["0", pytest.param("1", marks=pytest.mark.soak)], ids=["one process", "EngineCore"])
def test_nothing_outlives_a_parent_that_is_killed_while_generating(tiny: Path, tmp_path: Path, many: str) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path), str(tiny / "biased-a"), tmp_path.name, many]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    host = int(parent.stdout.readline())
    assert len(group_members(host)) >= (4 if many == "1" else 2)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert await_group_end(host, 5.0)
    assert not marked(tmp_path.name)


@pytest.mark.soak
@pytest.mark.parametrize("moment", ["idle", "generate"])
def test_an_engine_core_that_is_killed_takes_the_host_with_it(
    settings: EngineSettings,
    tiny: Path,
    conversations: Sequence[Conversation],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    environment = {MARK: tmp_path.name, "VLLM_ENABLE_V1_MULTIPROCESSING": "1"}
    with Engine(replace(settings, state_dir=tmp_path, device_env=environment)) as engine:
        rendered = engine.render(tiny / "biased-a", conversations)
        fresh = outputs(engine, engine.load(tiny / "biased-a", "a"), rendered)
        assert engine.pid is not None
        (core,) = [pid for pid in group_members(engine.pid) if "EngineCore" in command_line(pid)]
        house = House("biased", tiny, engine, tmp_path.name, rendered, fresh)
        with monkeypatch.context() as patch:
            # vLLM's client waits for the dead EngineCore for ever; what ends that is the deadline.
            hasty(engine, patch, 10.0)
            stream = generation(house, 20)
            if moment == "generate":
                next(stream)
            kill(core)
            with pytest.raises(UimonError) as caught:
                list(stream)
        assert caught.value.reason in (Reason.ENGINE_DIED, Reason.ENGINE_ERROR, Reason.ENGINE_TIMEOUT)
        assert not engine.alive
        assert not marked(tmp_path.name)
        assert outputs(engine, engine.load(tiny / "biased-a", "a"), rendered) == fresh


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()
