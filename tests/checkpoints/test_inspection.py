from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.looking import inspect
from watcher.checkpoints.layouts.completeness import QUIET_S
from watcher.engine.model_files.inventory import read_inventory
from watcher.model import CheckpointKind, Condition, LoggedStep, Reason, UimonError

Make = Any


def test_a_whole_checkpoint_is_complete_with_the_files_an_engine_needs(make: Make, run_dir: Path) -> None:
    path = make.put(run_dir / "checkpoint-50", make.full(50))
    found = inspect(path, 50)
    assert (found.condition, found.reason, found.kind, found.step) == (
        Condition.COMPLETE,
        None,
        CheckpointKind.FULL,
        50,
    )
    assert found.name == "checkpoint-50"
    assert [f.name for f in found.files] == [
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert found.trainer is not None
    assert found.trainer.log[1] == LoggedStep(2, 1.0, epoch=0.1)


def test_a_sharded_checkpoint_needs_its_index_and_every_shard(make: Make, run_dir: Path) -> None:
    path = make.put(run_dir / "checkpoint-5", make.full(5, shards=3))
    found = inspect(path, 5)
    assert found.condition is Condition.COMPLETE
    assert sum(f.name.endswith(".safetensors") for f in found.files) == 3
    assert "model.safetensors.index.json" in [f.name for f in found.files]


def test_an_adapter_is_complete_and_names_its_base(make: Make, run_dir: Path) -> None:
    path = make.put(run_dir / "checkpoint-5", make.adapter(5))
    found = inspect(path, 5)
    assert (found.condition, found.kind, found.base) == (Condition.COMPLETE, CheckpointKind.ADAPTER, "org/base")
    assert [f.name for f in found.files] == ["adapter_config.json", "adapter_model.safetensors", "tokenizer.json"]


@pytest.mark.parametrize("kind", ["full", "sharded", "adapter"])
def test_in_the_order_of_writing_only_the_last_byte_completes_it(make: Make, run_dir: Path, kind: str) -> None:
    files = {"full": make.full(7), "sharded": make.full(7, shards=2), "adapter": make.adapter(7)}[kind]
    path = run_dir / "checkpoint-7"
    path.mkdir()
    for name, content in files.items():
        for length in sorted({0, 4, 9, len(content) // 2, len(content) - 1} - {len(content)}):
            if length < 0:
                continue
            (path / name).write_bytes(content[:length])
            found = inspect(path, 7)
            assert found.condition is Condition.PARTIAL, (name, length, found)
            assert found.reason is not None
            assert found.detail.endswith(".")
        assert inspect(path, 7).condition is Condition.PARTIAL
        (path / name).write_bytes(content)
    assert inspect(path, 7).condition is Condition.COMPLETE


EMPTY = b"\2" + bytes(7) + b"{}"  # a well-formed safetensors file of no tensors


@pytest.mark.parametrize(
    ("change", "shards", "reason", "word"),
    [
        (lambda f: f.pop("model.safetensors"), 1, Reason.WEIGHTS_MISSING, "has no weights"),
        (lambda f: f.update({"model.safetensors": f["model.safetensors"][:-1]}), 1, Reason.WEIGHTS_INCOMPLETE, "bytes"),
        (lambda f: f.update({"model.safetensors": EMPTY}), 1, Reason.WEIGHTS_INCOMPLETE, "no tensors"),
        (lambda f: f.pop("model-00002-of-00002.safetensors"), 2, Reason.WEIGHTS_INCOMPLETE, "lacks 1 of 2 shards"),
        (lambda f: f.pop("model.safetensors.index.json"), 2, Reason.WEIGHTS_INCOMPLETE, "no model.safetensors.index"),
        (lambda f: f.update({"model.safetensors.index.json": b"{}"}), 2, Reason.WEIGHTS_INCOMPLETE, "no weight_map"),
        (lambda f: f.pop("config.json"), 1, Reason.CONFIG_MISSING, "no config.json"),
        (lambda f: f.update({"config.json": b'{"model_'}), 1, Reason.CONFIG_MISSING, "not whole"),
        (lambda f: f.update({"config.json": b"[]"}), 1, Reason.CONFIG_MISSING, "not a JSON object"),
        (lambda f: f.pop("trainer_state.json"), 1, Reason.TRAINER_STATE_MISSING, "no trainer_state.json"),
        (lambda f: f.update({"trainer_state.json": b'{"glo'}), 1, Reason.TRAINER_STATE_MISSING, "not whole"),
        (lambda f: f.update({"trainer_state.json": b""}), 1, Reason.TRAINER_STATE_MISSING, "not whole"),
        (
            lambda f: f.update({"trainer_state.json": b'{"global_step": 4}'}),
            1,
            Reason.TRAINER_STATE_MISMATCH,
            "states step 4",
        ),
    ],
)  # fmt: skip
def test_each_missing_or_half_written_part_has_its_reason(
    make: Make, run_dir: Path, change: Callable[[Any], Any], shards: int, reason: Reason, word: str
) -> None:
    files = make.full(5, shards=shards)
    change(files)
    found = inspect(make.put(run_dir / "checkpoint-5", files), 5)
    assert (found.condition, found.reason) == (Condition.PARTIAL, reason)
    assert word in found.detail


def test_a_preallocated_shard_with_a_hole_is_not_complete(make: Make, run_dir: Path) -> None:
    files = make.full(5)
    whole = make.tensors({"a": 4_000_000})
    path = make.put(run_dir / "checkpoint-5", files | {"model.safetensors": whole[:500_000]})
    os.truncate(path / "model.safetensors", len(whole))
    found = inspect(path, 5)
    assert (found.condition, found.reason) == (Condition.PARTIAL, Reason.WEIGHTS_INCOMPLETE)
    assert "never written" in found.detail


def test_a_whole_shard_of_another_save_does_not_pass_for_this_one(make: Make, run_dir: Path) -> None:
    files = make.full(5, shards=2)
    files["model-00001-of-00002.safetensors"] = make.tensors({"t1": 2000})
    found = inspect(make.put(run_dir / "checkpoint-5", files), 5)
    assert found.reason is Reason.WEIGHTS_INCOMPLETE
    assert "lacks the tensor 't0'" in found.detail


def test_other_weights_in_the_directory_are_not_the_engines(make: Make, run_dir: Path) -> None:
    files = make.full(5, shards=2) | {"consolidated.safetensors": b"x", "model-00009-of-00009.safetensors": b"x"}
    found = inspect(make.put(run_dir / "checkpoint-5", files), 5)
    assert found.condition is Condition.COMPLETE
    names = [f.name for f in found.files if f.name.endswith(".safetensors")]
    assert names == ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]


def test_named_chat_templates_belong_to_the_tokenizer(make: Make, run_dir: Path) -> None:
    files = make.full(5) | {"additional_chat_templates/tool_use.jinja": b"{{ tools }}"}
    found = inspect(make.put(run_dir / "checkpoint-5", files), 5)
    assert "additional_chat_templates/tool_use.jinja" in [f.name for f in found.files]


def deepspeed(files: dict[str, bytes]) -> dict[str, bytes]:
    rest = {n: c for n, c in files.items() if n != "model.safetensors"}
    shard = "global_step5/zero_pp_rank_0_mp_rank_00_model_states.pt"
    return {"zero_to_fp32.py": b"", "latest": b"global_step5", shard: b"x"} | rest


def fsdp(files: dict[str, bytes]) -> dict[str, bytes]:
    folder = "pytorch_model_fsdp_0"
    optimizer = {"optimizer_0/.metadata": b"x", "optimizer_0/__0_0.distcp": b"x"}
    kept = {n: files[n] for n in ("training_args.bin", "trainer_state.json") if n in files}
    return {f"{folder}/.metadata": b"x", f"{folder}/__0_0.distcp": b"x"} | optimizer | kept


def dcp(files: dict[str, bytes]) -> dict[str, bytes]:
    rest = {n: c for n, c in files.items() if n != "model.safetensors"}
    return {"model/.metadata": b"x", "model/__0_0.distcp": b"x"} | rest


def pickled(files: dict[str, bytes]) -> dict[str, bytes]:
    return {("pytorch_model.bin" if n == "model.safetensors" else n): c for n, c in files.items()}


LAYOUTS = [
    (deepspeed, Reason.DEEPSPEED_ZERO, "zero_to_fp32.py"),
    (fsdp, Reason.FSDP_SHARDED, "accelerate merge-weights"),
    (dcp, Reason.TORCH_DCP, "python -m torch.distributed.checkpoint.format_utils dcp_to_torch"),
    (pickled, Reason.PICKLE_WEIGHTS, "save_safetensors=True"),
]


@pytest.mark.parametrize(("change", "reason", "command"), LAYOUTS)
def test_before_the_trainer_is_done_loadable_weights_may_still_come(
    make: Make, run_dir: Path, change: Callable[[Any], Any], reason: Reason, command: str
) -> None:
    files = make.full(5)
    del files["trainer_state.json"]
    path = make.put(run_dir / "checkpoint-5", change(files))
    assert inspect(path, 5).condition is Condition.PARTIAL
    assert inspect(path).reason is reason  # named on its own, nobody is writing it
    assert command in inspect(path).detail


@pytest.mark.parametrize(("change", "reason", "command"), LAYOUTS)
def test_loadable_weights_beside_a_sharded_layout_are_used(
    make: Make, run_dir: Path, change: Callable[[Any], Any], reason: Reason, command: str
) -> None:
    path = make.put(run_dir / "checkpoint-5", change(make.full(5)) | make.full(5))
    assert inspect(path, 5).condition is Condition.COMPLETE, (reason, command)


def test_a_sharded_optimizer_alone_is_not_taken_for_weights(make: Make, run_dir: Path) -> None:
    files = make.full(5) | {"optimizer_0/.metadata": b"x", "optimizer_0/__0_0.distcp": b"x"}
    del files["model.safetensors"]
    found = inspect(make.put(run_dir / "checkpoint-5", files), 5)
    assert (found.condition, found.reason) == (Condition.PARTIAL, Reason.WEIGHTS_MISSING)


def test_a_pickled_adapter_is_refused(make: Make, run_dir: Path) -> None:
    files = make.adapter(5)
    files["adapter_model.bin"] = files.pop("adapter_model.safetensors")
    assert inspect(make.put(run_dir / "checkpoint-5", files), 5).reason is Reason.PICKLE_WEIGHTS


def test_converter_commands_quote_their_paths(make: Make, tmp_path: Path) -> None:
    path = make.put(tmp_path / "a run; rm" / "checkpoint-5", fsdp(make.full(5)))
    assert f"'{path}/pytorch_model_fsdp_0'" in inspect(path, 5).detail


def test_a_directory_named_on_its_own_needs_no_trainer_state(make: Make, tmp_path: Path) -> None:
    files = make.full(5)
    state = files.pop("trainer_state.json")
    path = make.put(tmp_path / "exported", files)
    assert (inspect(path).condition, inspect(path).step) == (Condition.COMPLETE, 0)
    (path / "trainer_state.json").write_bytes(state)
    assert inspect(path).step == 5
    assert inspect(make.put(tmp_path / "checkpoint-9", make.full(9))).step == 9
    (path / "trainer_state.json").write_bytes(state[:9])
    assert inspect(path).reason is Reason.TRAINER_STATE_MISSING


def test_a_step_being_written_again_is_not_complete(make: Make, run_dir: Path) -> None:
    path = make.put(run_dir / "checkpoint-5", make.full(5, shards=2))
    os.utime(path / "trainer_state.json", (1000.0, 1000.0))
    os.utime(path / "model-00001-of-00002.safetensors", (5000.0, 5000.0))
    os.utime(path / "model-00002-of-00002.safetensors", (900.0, 900.0))
    found = inspect(path, 5, quiet=QUIET_S - 1)
    assert (found.condition, found.reason) == (Condition.PARTIAL, Reason.TRAINER_STATE_MISMATCH)
    assert "written again" in found.detail
    # A copy made in another order settles; one named on its own is taken at its word.
    assert inspect(path, 5, quiet=QUIET_S).condition is Condition.COMPLETE
    assert inspect(path).condition is Condition.COMPLETE


def test_the_stamp_tells_a_rewritten_checkpoint(make: Make, run_dir: Path) -> None:
    path = make.put(run_dir / "checkpoint-5", make.full(5))
    first = inspect(path, 5).stamp
    assert inspect(path, 5).stamp == first
    (path / "optimizer.pt").write_bytes(b"other")
    assert inspect(path, 5).stamp == first
    content = (path / "model.safetensors").read_bytes()
    (path / "model.safetensors").write_bytes(content)
    assert inspect(path, 5).stamp != first


def test_what_is_gone_is_gone(run_dir: Path) -> None:
    found = inspect(run_dir / "checkpoint-5", 5)
    assert (found.condition, found.reason) == (Condition.GONE, Reason.DELETED)
    (run_dir / "file").write_text("")
    assert inspect(run_dir / "file").condition is Condition.GONE
    assert "is not a directory" in inspect(run_dir / "file").detail


def test_rotation_at_any_moment_is_never_an_exception(make: Make, run_dir: Path) -> None:
    """A deleter races with the inspection for some seconds; every outcome must be one of the ordinary ones."""
    code = (
        "import pathlib, random, shutil, sys, time\n"
        "source, target = map(pathlib.Path, sys.argv[1:])\n"
        "while True:\n"
        "    shutil.copytree(source, target, dirs_exist_ok=True)\n"
        # Without a rest, a busy machine can have the inspection always meet the deleter at work.
        "    time.sleep(random.choice([0, 0, 0.05]))\n"
        "    shutil.rmtree(target, ignore_errors=True)\n"
        "    time.sleep(random.choice([0, 0, 0.05]))\n"
    )
    source = make.put(run_dir / "source", make.full(5, shards=3))
    path = run_dir / "checkpoint-5"
    deleter = subprocess.Popen([sys.executable, "-c", code, str(source), str(path)])
    seen: set[Condition] = set()
    try:
        end = time.monotonic() + 20
        while time.monotonic() < end and len(seen) < 3:
            found = inspect(path, 5)
            seen.add(found.condition)
            assert found.condition is not Condition.UNSUPPORTED, found
    finally:
        deleter.kill()
        deleter.wait()
    # Which moments are met is chance; that there was a race, and that it was not always lost, is not.
    assert Condition.COMPLETE in seen
    assert seen & {Condition.PARTIAL, Condition.GONE}


@pytest.mark.parametrize("shard", ["../secret.safetensors", "/etc/passwd", "sub/x.safetensors", "..", ""])
def test_an_index_that_leads_out_of_the_directory_is_refused(make: Make, run_dir: Path, shard: str) -> None:
    make.put(run_dir, {"secret.safetensors": make.tensors({"t0": 5})})
    files = make.full(5, shards=2)
    files["model.safetensors.index.json"] = json.dumps({"weight_map": {"t0": shard}}).encode()
    found = inspect(make.put(run_dir / "checkpoint-5", files), 5)
    assert (found.condition, found.reason) == (Condition.UNSUPPORTED, Reason.UNREADABLE)
    assert "is not a *.safetensors file of this directory" in found.detail


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_links_out_of_the_directory_are_refused(make: Make, run_dir: Path, name: str) -> None:
    path = make.put(run_dir / "checkpoint-5", make.full(5))
    (path / name).rename(run_dir / name)
    (path / name).symlink_to(run_dir / name)
    found = inspect(path, 5)
    assert (found.condition, found.reason) == (Condition.UNSUPPORTED, Reason.UNREADABLE)
    assert name in found.detail
    assert name not in [f.name for f in found.files]


def test_links_within_the_directory_and_into_the_hub_cache_are_followed(make: Make, tmp_path: Path) -> None:
    path = make.put(tmp_path / "models--org--m" / "snapshots" / "abc", make.full(5))
    (path.parent.parent / "blobs").mkdir()
    (path / "model.safetensors").rename(path.parent.parent / "blobs" / "123")
    (path / "model.safetensors").symlink_to("../../blobs/123")
    (path / "tokenizer.json").rename(path / "t")
    (path / "tokenizer.json").symlink_to("t")
    assert inspect(path).condition is Condition.COMPLETE


def test_a_pipe_in_place_of_a_file_does_not_hang(make: Make, run_dir: Path) -> None:
    files = make.full(5)
    del files["model.safetensors"], files["trainer_state.json"]
    path = make.put(run_dir / "checkpoint-5", files)
    os.mkfifo(path / "model.safetensors")
    os.mkfifo(path / "trainer_state.json")
    assert inspect(path, 5).reason is Reason.WEIGHTS_MISSING


def test_a_hostile_name_does_not_swell_the_detail(make: Make, run_dir: Path) -> None:
    files = make.full(5, shards=2)
    index = {"weight_map": {"x" * 100_000: "model-00001-of-00002.safetensors"}}
    files["model.safetensors.index.json"] = json.dumps(index).encode()
    found = inspect(make.put(run_dir / "checkpoint-5", files), 5)
    assert found.reason is Reason.WEIGHTS_INCOMPLETE
    assert len(found.detail) <= 1000


def test_what_may_not_be_read_is_said_not_raised(make: Make, tmp_path: Path) -> None:
    """In a process without root's rights, to which alone permissions apply."""
    path = make.put(tmp_path / "checkpoint-5", make.full(5))
    shut = shutil.copytree(path, tmp_path / "shut" / "checkpoint-5")
    code = (
        "import os, sys, pathlib\n"
        "from watcher.checkpoints import inspect, named\n"
        "from watcher.checkpoints import stage\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "for name in sys.argv[1:]:\n"
        "    found = inspect(named(pathlib.Path(name)))\n"
        "    print(found.condition, found.reason, found.detail)\n"
    )
    for parent in tmp_path.relative_to("/").parents:
        folder = Path("/") / parent
        if folder.owner() == Path.home().owner() and folder.is_relative_to(tmp_path.parents[2]):
            folder.chmod(folder.stat().st_mode | 0o055)
    tmp_path.chmod(0o755)
    (path / "model.safetensors").chmod(0)
    shut.chmod(0)
    try:
        run = [sys.executable, "-c", code, str(path), str(shut)]
        output = subprocess.run(run, capture_output=True, text=True, check=True).stdout.splitlines()
    finally:
        shut.chmod(0o755)
    assert [line.split()[:2] for line in output] == [["unsupported", "unreadable"]] * 2
    assert "model.safetensors cannot be read (Permission denied)" in output[0]


def test_nothing_in_the_trainers_directory_is_touched(
    make: Make, run_dir: Path, snapshot: Callable[[Path], object]
) -> None:
    path = make.put(run_dir / "checkpoint-5", make.full(5, shards=2))
    before = snapshot(run_dir)
    inspect(path, 5)
    inspect(run_dir)
    assert snapshot(run_dir) == before


def test_no_pickle_is_ever_opened(make: Make, run_dir: Path) -> None:
    path = make.put(run_dir / "checkpoint-5", make.full(5) | {"pytorch_model.bin": b"x"})
    opened: list[str] = []
    watching = True

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if watching and event == "open" and isinstance(args[0], str | bytes | Path):
            opened.append(os.fsdecode(args[0]))

    sys.addaudithook(hook)
    inspect(path, 5)
    inspect(path)
    watching = False
    assert any(name.endswith("model.safetensors") for name in opened)
    assert not [name for name in opened if name.endswith((".bin", ".pt", ".pth"))]


def put_index(files: dict[str, bytes], placed: dict[str, object]) -> None:
    files["model.safetensors.index.json"] = json.dumps({"weight_map": placed}).encode()


def test_a_shard_that_holds_what_the_index_puts_elsewhere_is_of_another_save(make: Make, run_dir: Path) -> None:
    files = make.full(5, shards=2)
    files["model-00001-of-00002.safetensors"] = make.tensors({"t0": 2000, "t9": 2000})
    path = make.put(run_dir / "checkpoint-5", files)
    found = inspect(path, 5)
    assert (found.condition, found.reason) == (Condition.PARTIAL, Reason.WEIGHTS_INCOMPLETE)
    assert "holds the tensor 't9', which the index does not put there" in found.detail
    with pytest.raises(UimonError, match="t9 is not named by"):
        read_inventory(path)


@pytest.mark.parametrize(
    ("shard", "condition"),
    [
        ("../secret.safetensors", Condition.UNSUPPORTED),
        ("pytorch_model-00001-of-00002.bin", Condition.UNSUPPORTED),
        ("..", Condition.UNSUPPORTED),
        (7, Condition.PARTIAL),
        ("gone.safetensors", Condition.PARTIAL),
    ],
)
def test_inspection_and_engine_agree_on_an_index(
    make: Make, run_dir: Path, shard: object, condition: Condition
) -> None:
    files = make.full(5, shards=2)
    put_index(files, {"t0": shard, "t1": "model-00002-of-00002.safetensors"})
    path = make.put(run_dir / "checkpoint-5", files)
    assert inspect(path, 5).condition is condition
    with pytest.raises(UimonError):
        read_inventory(path)


def test_an_index_without_a_tensor_is_none_for_both(make: Make, run_dir: Path) -> None:
    files = make.full(5, shards=2)
    put_index(files, {})
    path = make.put(run_dir / "checkpoint-5", files)
    assert "no weight_map" in inspect(path, 5).detail
    with pytest.raises(UimonError, match="no weight_map"):
        read_inventory(path)
