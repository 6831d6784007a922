"""Every odd or broken checkpoint, and every way for an engine to die, one by one, with the real engine.

Each row: sound weights A are served; something goes wrong; sound weights B follow and have to answer exactly as a
fresh engine with B does. Nothing that was started may be left over. The table of what happened is printed at the end.
"""

from __future__ import annotations

import os
import resource
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
from typing import Any

import pytest

from tests.engine.adapter_variants import VARIANTS, Variant
from tests.engine.bad_checkpoints import CASES, Case
from tests.support.tiny_engine import GREEDY, Outputs, all_reference_sums, outputs
from watcher.engine import Conversation, Deadlines, EngineSettings, Generation, Loaded, Rendered, VllmEngine
from watcher.engine.serving import Live
from watcher.model import CheckpointKind, Reason, UimonError
from watcher.system.processes import await_group_end, group_members

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

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


@dataclass(frozen=True, slots=True)
class Sound:
    """Sound weights, as `VllmEngine.load` takes them."""

    path: Path
    kind: CheckpointKind = CheckpointKind.FULL
    base: Path | None = None


@dataclass
class House:
    """An engine that lives through all the rows, the sound weights of each row, and what fresh engines answer on B."""

    engine: VllmEngine
    mark: str
    rendered: Rendered
    a: Sound
    b: Sound
    fresh_b: Outputs
    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def load(self, sound: Sound) -> Loaded:
        return self.engine.load(sound.path, sound.path.name, sound.kind, sound.base)

    def serve_a(self) -> None:
        self.load(self.a)

    def outcome(self, path: Path) -> str:
        """What became of a load: the reason of the refusal, or the way it went."""
        try:
            return self.load(replace(self.a, path=path)).swap
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
        loaded = self.load(self.b)
        exact = outputs(self.engine, loaded, self.rendered) == self.fresh_b
        assert self.engine.pid is not None
        orphans = marked(self.mark) - set(group_members(self.engine.pid))
        self.rows.append((name, seen, f"{loaded.swap}, {'exact' if exact else 'WRONG'}, {len(orphans)} left over"))
        assert exact
        assert not orphans


Houses = Callable[..., House]


@pytest.fixture(scope="module")
def houses(
    settings: EngineSettings,
    conversations: Sequence[Conversation],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Houses]:
    """Houses by their names; their rows are printed at the end."""
    built: dict[str, House] = {}

    def house(name: str, a: Sound, b: Sound, **options: Any) -> House:
        if name not in built:
            place = tmp_path_factory.mktemp(name)
            engine = VllmEngine(replace(settings, state_dir=place, device_env={MARK: place.name}, **options))
            rendered = engine.render(a.base or a.path, conversations)
            built[name] = House(engine, place.name, rendered, a, b, fresh_b=("", [], []))
            built[name].serve_a()
            fresh = built[name].load(b)
            if fresh.swap != "cold":
                # Not proved against a fresh engine just now, as the first swap is, so a fresh one it has to be.
                engine.close()
                fresh = built[name].load(b)
            assert fresh.swap == "cold"
            built[name].fresh_b = outputs(engine, fresh, rendered)
        return built[name]

    yield house
    report([row for house in built.values() for row in house.rows], request.config)
    for known in built.values():
        known.engine.close()
        assert not marked(known.mark)


def report(rows: Sequence[tuple[str, str, str]], config: pytest.Config) -> None:
    """Print the table of what happened."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    assert terminal is not None
    terminal.write_line("")
    for name, seen, after in rows:
        terminal.write_line(f"{name:<45} {seen:<20} then sound weights: {after}")
    wrong, left = sum("WRONG" in after for _, _, after in rows), sum("0 left" not in after for _, _, after in rows)
    terminal.write_line(f"{len(rows)} rows: {wrong} wrong numbers, {left} with processes left over")


@pytest.fixture
def full(houses: Houses, tiny: Path) -> Callable[[str], House]:
    """The house of a family of full models."""
    return lambda family: houses(family, Sound(tiny / f"{family}-a"), Sound(tiny / f"{family}-b"))


@pytest.mark.parametrize("case", [pytest.param(c, id=c.name, marks=pytest.mark.soak if c.slow else ()) for c in CASES])
def test_a_checkpoint_is_served_exactly_or_not_at_all(full: Callable[[str], House], case: Case, tmp_path: Path) -> None:
    house = full(case.family)
    house.serve_a()
    path = tmp_path / "checkpoint-2"
    shutil.copytree(house.b.path, path)
    case.change(path)
    seen = house.outcome(path)
    if seen == "warm":
        assert_as_fresh(house, path, tmp_path)
    house.recover(case.name, seen)
    assert seen == case.outcome
    assert not PICKLE_RUN.exists()


def assert_as_fresh(house: House, path: Path, place: Path) -> None:
    """What the engine serves of `path` is what a fresh engine serves of it: B, where the bytes are B's."""
    now = outputs(house.engine, house.engine.load(path, path.name), house.rendered)
    if now != house.fresh_b:
        with VllmEngine(replace(house.engine._settings, state_dir=place / "fresh")) as fresh:
            assert outputs(fresh, fresh.load(path, path.name), house.rendered) == now


@pytest.fixture(scope="module")
def variants(request: pytest.FixtureRequest) -> list[str]:
    """The names of the variants that this session tests, and of those that they are made of or served with."""
    tested = [item.callspec.params.get("variant") for item in request.session.items if hasattr(item, "callspec")]
    merged = any(is_merged(variant) for variant in tested if isinstance(variant, Variant))
    return [variant.name for variant in VARIANTS if merged or not is_merged(variant) or variant.name == "dora"]


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory, tiny: Path, variants: list[str]) -> Path:
    """A directory with these adapters over `fp32`."""
    root = tmp_path_factory.mktemp("adapters")
    command = [sys.executable, "-m", "tests.engine.adapter_variants", str(root), str(tiny / "fp32"), *variants]
    subprocess.run(command, check=True, capture_output=True)
    return root


@pytest.fixture(scope="module")
def references() -> dict[str, list[float]]:
    """What PEFT answers with each variant that is to be served; filled when it is first needed."""
    return {}


@pytest.fixture
def adapted(houses: Houses, adapters: Path, tiny: Path) -> Callable[[str], House]:
    """A house whose adapters are served over the base (`plain`), or merged into it (`dora`)."""

    def house(name: str) -> House:
        a, b = (Sound(adapters / found, CheckpointKind.ADAPTER, tiny / "fp32") for found in (name, f"{name}-2"))
        return houses(name, a, b, dtype="float32")

    return house


def is_merged(variant: Variant) -> bool:
    """Whether a variant belongs to a run whose adapters are merged."""
    return variant.outcome == "merged" or variant.source == "dora" or "magnitude" in variant.name


def marks(variant: Variant) -> Any:
    """Each merge takes a process that imports torch, so merged ones are served in the long tests."""
    return pytest.mark.soak if is_merged(variant) else ()


@pytest.mark.parametrize("variant", [pytest.param(v, id=v.name, marks=marks(v)) for v in VARIANTS])
def test_an_adapter_is_served_as_peft_does_or_not_at_all(
    adapted: Callable[[str], House], adapters: Path, references: dict[str, list[float]], variant: Variant
) -> None:
    house = adapted("dora" if is_merged(variant) else "plain")
    house.serve_a()
    seen = house.outcome(adapters / variant.name)
    if seen in ("cold", "warm", "lora"):
        assert_as_peft(house, variant.name, references)
    house.recover(variant.name, seen)
    if variant.outcome == "merged":
        assert seen in ("cold", "warm")
    else:
        assert seen == variant.outcome


def assert_as_peft(house: House, name: str, references: dict[str, list[float]]) -> None:
    """The references' likelihoods are those of PEFT in fp32, within 1e-4 nats a token."""
    prompts = house.rendered.prompts
    assert house.a.base is not None
    if name not in references:
        built = [v for v in VARIANTS if house.a.path.with_name(v.name).is_dir()]
        served = [v.name for v in built if not isinstance(v.outcome, Reason)]
        paths = [house.a.path.with_name(each) for each in served]
        references |= dict(zip(served, all_reference_sums(house.a.base, paths, prompts), strict=True))
    for prompt, nll in zip(prompts, references[name], strict=True):
        measured = house.engine.perplexity((prompt,))
        assert abs(measured.nll - nll) / measured.tokens <= 1e-4


def test_one_run_never_mixes_adapters_with_merged_ones(adapted: Callable[[str], House], adapters: Path) -> None:
    house = adapted("plain")
    house.serve_a()
    seen = house.outcome(adapters / "dora")
    house.recover("dora after plain ones", seen)
    assert seen == Reason.ADAPTER_UNSUPPORTED


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
# A host that is stopped is among the usual tests of test_swap.py.
USUAL_FAULTS = ("killed while generating",)


@pytest.mark.parametrize(
    "fault", [pytest.param(f, id=f.name, marks=() if f.name in USUAL_FAULTS else pytest.mark.soak) for f in FAULTS]
)
def test_an_engine_that_dies_or_hangs_is_replaced(
    full: Callable[[str], House], fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = full("biased")
    house.serve_a()
    with monkeypatch.context() as patch:
        hasty(house.engine, patch, 3.0)
        seen = strike(house, fault)
    house.recover(fault.name, seen)
    assert seen == fault.seen


def hasty(engine: VllmEngine, patch: pytest.MonkeyPatch, seconds: float) -> None:
    """Short deadlines: a host that hangs has to be found out within the test's time."""
    brief = Deadlines(start=seconds, cold=30.0, warm=seconds, stall=seconds, bytes_per_second=1e9)
    for holder in (engine, engine._serving, engine._loader, engine._adapters):
        patch.setattr(holder, "_settings", replace(engine._settings, deadlines=brief))


def strike(house: House, fault: Fault) -> str:
    """Have the fault happen; what became of what the engine was doing."""
    engine = house.engine
    try:
        if fault.moment == "start":
            engine.close()
            threading.Thread(target=strike_the_next_host, args=(engine, fault.happens)).start()
            return house.load(house.a).swap
        assert engine.pid is not None
        if fault.moment == "swap":
            # A host that is stopped cannot be done before it is struck.
            stop(engine.pid)
            threading.Timer(0.5, fault.happens, (engine.pid,)).start()
            return house.load(house.b).swap
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


def strike_the_next_host(engine: VllmEngine, happens: Callable[[int], None]) -> None:
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


@pytest.mark.soak
def test_a_reader_that_does_not_read_stops_nothing_and_loses_nothing(
    full: Callable[[str], House], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = full("biased")
    house.engine.close()
    narrow = socket.socketpair
    monkeypatch.setattr("watcher.system.child.socket.socketpair", lambda: narrow_pair(narrow))
    house.serve_a()
    stream = generation(house, 20)
    slow = [next(stream)]
    time.sleep(5.0)
    slow += stream
    # Far more than the socket between the processes holds.
    assert sum(len(g.text) for g in slow) > 5 * SOCKET_BYTES
    assert sorted(slow, key=lambda g: g.prompt_id) == sorted(generation(house, 20), key=lambda g: g.prompt_id)
    house.recover("nobody reads for a while", "exact")


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_an_engine_that_runs_out_of_memory_is_replaced_by_a_more_modest_one(
    settings: EngineSettings, tiny: Path, conversations: Sequence[Conversation], tmp_path: Path
) -> None:
    with VllmEngine(replace(settings, state_dir=tmp_path)) as engine:
        rendered = engine.render(tiny / "biased-a", conversations)
        prompts = [replace(p, id=f"{p.id}-{n}") for n in range(8) for p in rendered.prompts]
        fresh = engine.load(tiny / "biased-a", "a")
        seen = []
        # Which allocation is the first to fail is chance; oneDNN's own say nothing of memory.
        for room in range(0, 12 << 20, 1 << 20):
            loaded = engine.load(tiny / "biased-a", "a")
            assert loaded.max_num_seqs == 8
            limit_memory(engine, room)
            with suppress(UimonError):
                engine.perplexity(prompts)
                engine.close()
            assert not engine.alive
            seen.append(room)
            if engine._hosting.ran_out_of_memory:
                break
        assert engine._hosting.ran_out_of_memory, seen
        again = engine.load(tiny / "biased-a", "a")
        assert (again.swap, again.max_num_seqs, again.probe) == ("cold", 4, fresh.probe)


def limit_memory(engine: VllmEngine, room: int) -> None:
    """From now on the engine's host gets no more memory than it has, and `room` bytes."""
    assert engine.pid is not None
    status = Path(f"/proc/{engine.pid}/status").read_text()
    size = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmSize"))
    resource.prlimit(engine.pid, resource.RLIMIT_AS, (size + room, resource.RLIM_INFINITY))


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_model_that_two_processes_share_is_swapped_exactly_and_ends_whole(
    settings: EngineSettings, tiny: Path, conversations: Sequence[Conversation], tmp_path: Path
) -> None:
    shared = replace(settings, state_dir=tmp_path, device_env={MARK: tmp_path.name}, tensor_parallel=2)
    with VllmEngine(shared) as engine:
        rendered = engine.render(tiny / "tied-a", conversations[:2])
        seen: dict[str, tuple[float, ...]] = {}
        for letter, swap in (("a", "cold"), ("b", "cold"), ("a", "warm"), ("b", "warm")):
            assert engine.load(tiny / f"tied-{letter}", letter).swap == swap
            probe = held(engine).probe
            assert seen.setdefault(letter, probe) == probe
        assert held(engine).setup.tensor_parallel == 2
        brief = replace(GREEDY, max_tokens=3)
        assert len(list(engine.generate(rendered.prompts, brief, rendered.stop_ids))) == 2
        assert engine.pid is not None
        workers = [pid for pid in group_members(engine.pid) if "Worker" in command_line(pid)]
        assert len(workers) == 2
        kill(workers[0])
        with pytest.raises(UimonError):
            engine.perplexity(rendered.prompts)
        assert not engine.alive
        assert not marked(tmp_path.name)


def held(engine: VllmEngine) -> Live:
    """What the engine's host holds."""
    live = engine._serving.held
    assert live is not None
    return live


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
from watcher.engine import Conversation, EngineSettings, Sampling, VllmEngine
state, model, mark, many = sys.argv[1:]
environment = {"UIMON_TEST_MARK": mark, "VLLM_ENABLE_V1_MULTIPROCESSING": many}
engine = VllmEngine(EngineSettings(Path(state), environment, max_num_seqs=8, max_model_len=256, nice=0))
rendered = engine.render(Path(model), [Conversation("c", ({"role": "user", "content": "Make a page."},))])
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
    with VllmEngine(replace(settings, state_dir=tmp_path, device_env=environment)) as engine:
        rendered = engine.render(tiny / "biased-a", conversations)
        fresh = outputs(engine, engine.load(tiny / "biased-a", "a"), rendered)
        assert engine.pid is not None
        (core,) = [pid for pid in group_members(engine.pid) if "EngineCore" in command_line(pid)]
        house = House(engine, tmp_path.name, rendered, Sound(tiny / "biased-a"), Sound(tiny / "biased-b"), fresh)
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
