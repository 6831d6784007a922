"""The channel and the host's life, without loading a model."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.talks import talk
from watcher.engine import Conversation, EngineSettings, PromptSpec, Sampling, VllmEngine
from watcher.engine.environment import host_environment, vllm_variables
from watcher.engine.failures import reason_of, sentence_of
from watcher.engine.hosting import Hosting
from watcher.engine.protocol import (
    Channel,
    Generate,
    LoadDone,
    ProtocolError,
    Render,
    RequestFailure,
    SampleDone,
    ScoreReferencesDone,
)
from watcher.engine.types import Deadlines, Generation, Setup
from watcher.model import CheckpointKind, Reason, UimonError
from watcher.system.lines import LineSocket
from watcher.system.processes import await_group_end, descendants

SETUP = Setup("LlamaForCausalLM", "0.32.0", "cpu", "bfloat16", True, "", 1, "")
PROMPT = PromptSpec("p", "ask «ü»", (1, 2), (3,), 4)


@pytest.fixture
def ends() -> Iterator[tuple[Channel, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(LineSocket(ours)), theirs


@pytest.mark.parametrize(
    "message",
    [
        Render(Path("/m"), Path("/t"), (talk("c", (("user", "x"),), None),), None, {"a": True}, None, 9),
        Generate((PROMPT,), Sampling(5, 0.7, 1.0, 0), (1, 2)),
        LoadDone((-0.1, -1e-300, -123.456789012345678), SETUP),
        LoadDone(None, SETUP),
        SampleDone(Generation("p", 0, "line\nbreak \x00 \ud7ff", 3, "stop")),
        ScoreReferencesDone(None, 0, 0, 1),
        RequestFailure(Reason.OUT_OF_MEMORY, "too big", True),
    ],
)
def test_a_message_arrives_as_it_was_sent(message: LoadDone, ends: tuple[Channel, socket.socket]) -> None:
    near, far = ends
    near.send(message)
    assert Channel(LineSocket(far)).receive(5.0) == message


def test_messages_split_anywhere_arrive_whole(ends: tuple[Channel, socket.socket]) -> None:
    near, far = ends
    for byte in b'{"op":"progress","steps":1}\n{"op":"progress","steps":2}\n':
        far.send(bytes([byte]))
    assert [near.receive(5.0), near.receive(5.0)][1].op == "progress"


def test_silence_the_end_and_nonsense_are_told_apart(ends: tuple[Channel, socket.socket]) -> None:
    near, far = ends
    with pytest.raises(TimeoutError):
        near.receive(0.01)
    far.send(b'{"op":"unheard of"}\n')
    with pytest.raises(ProtocolError):
        near.receive(5.0)
    far.close()
    with pytest.raises(EOFError):
        near.receive(5.0)


SECRETS = (
    *("WANDB_API_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
    *("AWS_SESSION_TOKEN", "AZURE_STORAGE_KEY", "AZURE_STORAGE_CONNECTION_STRING", "GOOGLE_APPLICATION_CREDENTIALS"),
    *("UIMON_WEBHOOK", "UIMON_ANYTHING", "GITHUB_PAT", "DATABASE_URL", "SLACK_HOOK", "KUBECONFIG", "PGPASSWORD"),
    *("OPENAI_API_KEY", "NVIDIA_API_KEY", "VLLM_API_KEY", "S3_ACCESS_KEY_ID", "NGC_CLI_API_KEY", "VLLM_DB_PASSWORD"),
    *("CUDA_REGISTRY_TOKEN", "SSH_AUTH_SOCK", "A_NAME_NOBODY_KNOWS"),
)


def test_the_host_gets_no_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "s3cret")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:s3cret@proxy:3128")
    environment = host_environment({}, tmp_path)
    assert not [name for name, value in environment.items() if "s3cret" in value]


def test_the_host_gets_what_an_engine_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    needed = (
        *("HTTPS_PROXY", "HF_HOME", "LD_LIBRARY_PATH", "LC_ALL", "OMP_NUM_THREADS", "NCCL_SOCKET_IFNAME"),
        *("TORCH_CUDA_ARCH_LIST", "VLLM_MULTI_STREAM_GEMM_TOKEN_THRESHOLD", "CUDA_HOME", "TRITON_CACHE_DIR"),
    )
    for name in needed:
        monkeypatch.setenv(name, "kept")
    # A trainer's own, with which vLLM would join the training.
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "LOCAL_RANK"):
        monkeypatch.setenv(name, "1")
    environment = host_environment({"CUDA_VISIBLE_DEVICES": "3"}, tmp_path)
    assert [environment[name] for name in needed] == ["kept"] * len(needed)
    assert environment["CUDA_VISIBLE_DEVICES"] == "3"
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert not {"RANK", "WORLD_SIZE", "MASTER_ADDR", "LOCAL_RANK"} & environment.keys()


def test_without_a_compiler_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.delenv("TORCHDYNAMO_DISABLE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert host_environment({}, tmp_path)["TORCHDYNAMO_DISABLE"] == "1"
    compiler = tmp_path / "g++"
    compiler.write_text("#!/bin/sh\n")
    compiler.chmod(0o755)
    assert "TORCHDYNAMO_DISABLE" not in host_environment({}, tmp_path)
    monkeypatch.setenv("CXX", "g++ -pipe")
    assert "TORCHDYNAMO_DISABLE" not in host_environment({}, tmp_path)


def test_the_users_own_variables_for_vllm_are_told_without_secrets_and_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_ATTENTION_BACKEND", "FLASHINFER")
    monkeypatch.setenv("VLLM_API_KEY", "s3cret")
    monkeypatch.setenv("VLLM_CACHE_ROOT", "/somewhere")
    told = vllm_variables()
    assert "VLLM_ATTENTION_BACKEND=FLASHINFER" in told
    assert not [entry for entry in told if "s3cret" in entry or "/somewhere" in entry]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), Reason.OUT_OF_MEMORY),
        (MemoryError(), Reason.OUT_OF_MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9"), Reason.OUT_OF_MEMORY),
        (ValueError("Available memory on node 0 (8/11 GiB) is less than requested memory"), Reason.OUT_OF_MEMORY),
        (ValueError("Free memory on device cuda:0 (1/80 GiB) on startup is less than desired"), Reason.OUT_OF_MEMORY),
        (ValueError("Model architectures ['X'] are not supported for now."), Reason.UNKNOWN_ARCHITECTURE),
        (ModuleNotFoundError("No module named 'vllm'"), Reason.ENGINE_MISSING),
        (RuntimeError("Failed to infer device type"), Reason.GPU_MISSING),
        (AssertionError(), Reason.ENGINE_START),
    ],
)
def test_an_exception_becomes_the_word_for_it(error: BaseException, reason: Reason) -> None:
    assert reason_of(error, Reason.ENGINE_START) is reason
    assert "\n" not in sentence_of(error, reason, "Starting vLLM failed")


def test_a_reason_is_found_behind_other_exceptions() -> None:
    outer = RuntimeError("Engine core initialization failed")
    outer.__cause__ = MemoryError()
    assert reason_of(outer, Reason.ENGINE_START) is Reason.OUT_OF_MEMORY


def broken_vllm(directory: Path) -> dict[str, str]:
    """An environment in which importing vLLM fails."""
    (directory / "vllm").mkdir()
    (directory / "vllm" / "__init__.py").write_text("raise ImportError('libcudart.so.13 not found')")
    return {"PYTHONPATH": str(directory)}


@pytest.mark.engine
def test_a_vllm_that_cannot_be_imported_is_missing(tmp_path: Path) -> None:
    with VllmEngine(EngineSettings(state_dir=tmp_path / "engine", device_env=broken_vllm(tmp_path))) as engine:
        with pytest.raises(UimonError, match=r"libcudart.so.13 .*pip install 'uimon\[gpu\]'") as caught:
            engine.render(tmp_path, ())
        assert caught.value.reason is Reason.ENGINE_MISSING
        assert engine.pid is None


def test_without_vllm_the_sentence_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    def absent(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", absent)
    with pytest.raises(UimonError, match=r"pip install 'uimon\[cpu\]'") as caught:
        VllmEngine(EngineSettings(state_dir=tmp_path)).render(tmp_path, ())
    assert caught.value.reason is Reason.ENGINE_MISSING


def test_nothing_is_generated_before_weights_are_loaded(tmp_path: Path) -> None:
    engine = VllmEngine(EngineSettings(state_dir=tmp_path))
    with pytest.raises(UimonError, match="load a checkpoint first"):
        list(engine.generate((PROMPT,), Sampling(5, 0.0, 1.0, 0), (0,)))
    with pytest.raises(UimonError, match="load a checkpoint first"):
        engine.perplexity((PROMPT,))
    engine.close()
    engine.close()


def test_an_adapter_without_a_base_is_named(tmp_path: Path) -> None:
    with pytest.raises(UimonError, match="needs its base") as caught:
        VllmEngine(EngineSettings(state_dir=tmp_path)).load(tmp_path, "d", CheckpointKind.ADAPTER)
    assert caught.value.reason is Reason.BASE_MODEL_MISSING


def until(ask: Callable[[], int]) -> int:
    """What `ask` gives, once it gives anything."""
    while not (found := ask()):
        time.sleep(0.02)
    return found


STARTER = """
import sys, time
from pathlib import Path
from watcher.engine import EngineSettings
from watcher.engine.hosting import Hosting
host = Hosting(EngineSettings(state_dir=Path(sys.argv[1])))
host.start()
print(host.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("victims", ["parent", "guardian parent", "parent guardian", "host parent"])
def test_the_host_dies_with_its_killed_parent(tmp_path: Path, victims: str) -> None:
    parent = subprocess.Popen([sys.executable, "-c", STARTER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    host = int(parent.stdout.readline())
    guardian = until(lambda: next((process.pid for process in descendants(host)), 0))
    pids = {"parent": parent.pid, "guardian": guardian, "host": host}
    for victim in victims.split():
        os.kill(pids[victim], signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert await_group_end(host, 30.0)


# Nothing in the interpreter gets its turn within a match: neither a thread nor a handler of a signal.
STEP = """
import os, re, subprocess, sys, time
from watcher.system.lifeline import tie_group_to
tie_group_to(int(sys.argv[1]))
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("stepping", flush=True)
re.match("(a+)+$", "a" * 60 + "b")
"""


@pytest.mark.parametrize("late", [False, True])
def test_a_group_ends_with_its_lifeline_in_the_middle_of_a_step(*, late: bool) -> None:
    lifeline, ours = os.pipe()
    command = [sys.executable, "-c", STEP, str(lifeline)]
    if late:
        os.close(ours)
    with subprocess.Popen(command, pass_fds=(lifeline,), stdout=subprocess.PIPE, start_new_session=True) as step:
        os.close(lifeline)
        assert step.stdout is not None
        if not late:
            assert step.stdout.readline() == b"stepping\n"
            os.close(ours)
        assert await_group_end(step.pid, 30.0)
        assert step.wait() == -signal.SIGKILL


def test_a_host_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    hosting = Hosting(EngineSettings(state_dir=tmp_path))
    starter = threading.Thread(target=hosting.start)
    starter.start()
    starter.join()
    time.sleep(1.5)  # by then the host has asked the kernel to die with its parent
    assert hosting.alive
    host = hosting.pid
    assert host is not None
    hosting.close()
    assert await_group_end(host, 30.0)


def test_a_silent_host_is_killed_after_its_deadline(tmp_path: Path, conversations: tuple[Conversation, ...]) -> None:
    engine = VllmEngine(EngineSettings(state_dir=tmp_path, deadlines=Deadlines(start=0.2)))
    with pytest.raises(UimonError, match="was silent for 0 s") as caught:
        engine.render(tmp_path, conversations)
    assert caught.value.reason is Reason.ENGINE_TIMEOUT
    assert engine.pid is None


def test_a_killed_host_tells_how_it_ended(tmp_path: Path, conversations: tuple[Conversation, ...]) -> None:
    hosting = Hosting(EngineSettings(state_dir=tmp_path, nice=0))
    hosting.start()
    assert hosting.pid is not None
    os.kill(hosting.pid, signal.SIGKILL)
    request = Render(tmp_path, tmp_path, conversations, None, {}, None, None)
    with pytest.raises(UimonError, match="SIGKILL") as caught:
        next(hosting.stream(request, 30.0))
    assert caught.value.reason is Reason.ENGINE_DIED
    assert not hosting.alive


def test_only_the_newest_logs_are_kept(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    for number in range(12):
        (logs / f"engine-{number:03}.log").touch()
    hosting = Hosting(EngineSettings(state_dir=tmp_path))
    hosting.start()
    hosting.close()
    assert len(list(logs.glob("engine-*.log"))) == 8


GENERATING = """
import sys
from pathlib import Path
from watcher.engine import EngineSettings, PromptSpec, Sampling, VllmEngine
model, state = map(Path, sys.argv[1:])
engine = VllmEngine(EngineSettings(state_dir=state, max_num_seqs=8, max_model_len=256, nice=0, dtype="auto"))
engine.load(model, "a")
prompts = [PromptSpec(f"p{n}", "x", tuple(range(1, 50)), (3,), 4) for n in range(200)]
samples = engine.generate(prompts, Sampling(max_tokens=200, temperature=0.0, top_p=1.0, seed=0), ())
next(samples)
print(engine.pid, flush=True)
for _ in samples:
    pass
"""


@pytest.mark.soak
@pytest.mark.engine
@pytest.mark.timeout(900)
@pytest.mark.parametrize("victims", ["parent", "guardian parent", "host parent"])
def test_a_generating_engine_dies_with_its_killed_parent(tiny: Path, tmp_path: Path, victims: str) -> None:
    command = [sys.executable, "-c", GENERATING, str(tiny / "untied-a"), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        host = int(parent.stdout.readline())
        guardian = descendants(host)[0].pid
        pids = {"parent": parent.pid, "guardian": guardian, "host": host}
        for victim in victims.split():
            os.kill(pids[victim], signal.SIGKILL)
        assert await_group_end(host, 5.0)
