"""Checkpoints that their writer has left as they cannot be used, and models that lie one directory deeper."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkpoint_files import safetensors_bytes, state_bytes
from tests.support.looking import inspect
from watcher import checkpoints
from watcher.checkpoints import DirectoryWaker, discover, layouts_for, stage
from watcher.checkpoints.deeper import DIRECTORIES, models_below, name_links, name_others, runs_below
from watcher.checkpoints.layouts.completeness import LONG_SILENCE_S, QUIET_S
from watcher.checkpoints.layouts.step_directories import STEPS
from watcher.checkpoints.sources.local import _TURNS, DirectorySource
from watcher.model import Checkpoint, CheckpointKind, Condition, Reason

Make = Any
EMPTY = safetensors_bytes({})


def hollow(names: list[str]) -> bytes:
    """A file in which each of these tensors is a placeholder of shape [0]."""
    header = {name: {"dtype": "BF16", "shape": [0], "data_offsets": [0, 0]} for name in names}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text


LACKS = [
    (lambda f: f.pop("model.safetensors"), Reason.WEIGHTS_MISSING, "let the trainer save it again with its weights"),
    (lambda f: f.pop("config.json"), Reason.CONFIG_MISSING, "put the config.json of the model there"),
    (lambda f: f.update({"config.json": b"{"}), Reason.CONFIG_MISSING, "not whole"),
    (lambda f: f.update({"model.safetensors": EMPTY}), Reason.WEIGHTS_INCOMPLETE, "stage3_gather_16bit_weights"),
    (lambda f: f.update({"model.safetensors": hollow(["a.weight"])}), Reason.WEIGHTS_INCOMPLETE, "nothing in"),
    (lambda f: f.update({"model.safetensors": b"x"}), Reason.WEIGHTS_INCOMPLETE, "copy what is missing there"),
    (lambda f: f.update({"trainer_state.json": state_bytes(4)}), Reason.TRAINER_STATE_MISMATCH, "name of its own step"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "reason", "words"), LACKS)
def test_what_is_finished_and_lacks_something_is_told_by_its_silence(
    make: Make, run_dir: Path, change: Callable[[Any], Any], reason: Reason, words: str
) -> None:
    files = make.full(5)
    change(files)
    path = make.put(run_dir / "checkpoint-5", files)
    before = inspect(path, 5, quiet=QUIET_S - 1)
    assert (before.condition, before.reason, before.settling) == (Condition.PARTIAL, reason, True)
    after = inspect(path, 5, quiet=QUIET_S)
    assert (after.condition, after.reason, after.settling) == (Condition.UNSUPPORTED, reason, False)
    assert words in after.detail
    assert "its writer is done with it" in after.detail


@pytest.mark.parametrize("state", [None, b'{"global_st'])
def test_a_writer_that_was_interrupted_is_told_by_a_long_silence(
    make: Make, run_dir: Path, state: bytes | None
) -> None:
    files = make.full(5)
    del files["trainer_state.json"]
    path = make.put(run_dir / "checkpoint-5", files | ({"trainer_state.json": state} if state else {}))
    found = inspect(path, 5, quiet=LONG_SILENCE_S - 1)
    assert (found.condition, found.settling) == (Condition.PARTIAL, False)
    found = inspect(path, 5, quiet=LONG_SILENCE_S)
    assert (found.condition, found.reason) == (Condition.UNSUPPORTED, Reason.TRAINER_STATE_MISSING)
    assert "--pattern 'checkpoint-{step}'" in found.detail


def test_other_writers_are_done_after_a_silence(make: Make, run_dir: Path) -> None:
    files = make.full(5, shards=2)
    del files["trainer_state.json"], files["model-00002-of-00002.safetensors"]
    path = make.put(run_dir / "step_5", files)
    assert inspect(path, 5, STEPS).settling
    found = inspect(path, 5, STEPS, quiet=QUIET_S)
    assert (found.condition, found.reason) == (Condition.UNSUPPORTED, Reason.WEIGHTS_INCOMPLETE)
    assert "lacks 1 of 2 shards" in found.detail


@pytest.mark.parametrize("weights", [EMPTY, hollow(["q.lora_A.weight", "q.lora_B.weight"])])
@pytest.mark.parametrize("trace", ["zero_to_fp32.py", "global_step5/zero_pp_rank_0_model_states.pt"])
def test_an_adapter_that_zero_3_did_not_gather_names_the_setting(
    make: Make, run_dir: Path, weights: bytes, trace: str
) -> None:
    files = make.adapter(5) | {"adapter_model.safetensors": weights, trace: b"x"}
    path = make.put(run_dir / "checkpoint-5", files)
    found = inspect(path, 5)
    assert (found.condition, found.reason) == (Condition.UNSUPPORTED, Reason.DEEPSPEED_ZERO)
    assert "stage3_gather_16bit_weights_on_model_save" in found.detail
    (path / "trainer_state.json").unlink()
    assert inspect(path, 5).condition is Condition.PARTIAL


def test_a_tensor_without_elements_beside_others_is_no_placeholder(make: Make, run_dir: Path) -> None:
    files = make.full(5) | {"model.safetensors": safetensors_bytes({"a.g_idx": 0, "a.weight": 10})}
    assert inspect(make.put(run_dir / "checkpoint-5", files), 5).condition is Condition.COMPLETE
    files["model.safetensors"] = safetensors_bytes({"a.weight": 0, "b.weight": 10})
    assert inspect(make.put(run_dir / "checkpoint-5", files), 5).condition is Condition.PARTIAL


def nested(files: dict[str, bytes], folder: str, *above: str) -> dict[str, bytes]:
    """These files in a folder, but for those named, which stay above it, as the trainer's own do."""
    stay = ("trainer_state.json", "optimizer.pt", "training_args.bin", *above)
    return {(name if name in stay else f"{folder}/{name}"): content for name, content in files.items()}


@pytest.mark.parametrize("above", [(), ("tokenizer.json",)])
def test_an_adapter_with_a_name_of_its_own_is_taken(make: Make, tmp_path: Path, above: tuple[str, ...]) -> None:
    path = make.put(tmp_path / "run" / "checkpoint-5", nested(make.adapter(5), "ui", *above))
    found = inspect(path, 5)
    assert (found.condition, found.kind, found.base, found.step) == (
        Condition.COMPLETE,
        CheckpointKind.ADAPTER,
        "org/base",
        5,
    )
    assert found.trainer is not None
    staged = stage(found, tmp_path / "stage").path
    assert {p.name for p in staged.iterdir()} == {"adapter_model.safetensors", "adapter_config.json", "tokenizer.json"}
    assert (staged / "adapter_model.safetensors").read_bytes() == (path / "ui/adapter_model.safetensors").read_bytes()


@pytest.mark.parametrize("shards", [1, 2])
def test_a_full_model_in_a_folder_is_taken(make: Make, run_dir: Path, shards: int) -> None:
    found = inspect(make.put(run_dir / "checkpoint-5", nested(make.full(5, shards=shards), "hf")), 5)
    assert (found.condition, found.kind) == (Condition.COMPLETE, CheckpointKind.FULL)
    assert {f.place for f in found.files} == {"hf"}


def test_the_checkpoints_own_model_goes_before_those_in_folders(make: Make, run_dir: Path) -> None:
    path = make.put(run_dir / "checkpoint-5", make.adapter(5) | nested(make.adapter(5), "reference"))
    assert {f.place for f in inspect(path, 5).files} == {""}


def test_beside_pickled_weights_a_folder_is_not_what_was_trained(make: Make, run_dir: Path) -> None:
    files = make.full(5) | nested(make.adapter(5), "reference")
    files["pytorch_model.bin"] = files.pop("model.safetensors")
    assert inspect(make.put(run_dir / "checkpoint-5", files), 5).reason is Reason.PICKLE_WEIGHTS


def test_of_several_models_none_is_guessed_and_the_user_names_one(make: Make, run_dir: Path) -> None:
    both = nested(make.adapter(5), "ui") | nested(make.adapter(5), "other")
    path = make.put(run_dir / "checkpoint-5", both)
    found = inspect(path, 5, quiet=QUIET_S)
    assert (found.condition, found.reason) == (Condition.UNSUPPORTED, Reason.WEIGHTS_MISSING)
    assert "2 models, none of them in the directory itself: other, ui" in found.detail
    assert "--pattern 'checkpoint-{step}/other'" in found.detail
    (place,) = discover(run_dir, layouts_for("checkpoint-{step}/ui"))
    found = checkpoints.inspect(place)
    assert (found.condition, {f.place for f in found.files}) == (Condition.COMPLETE, {"ui"})


def test_a_runs_directory_is_no_model_of_its_only_checkpoint(make: Make, run_dir: Path) -> None:
    make.put(run_dir / "checkpoint-5", make.full(5))
    assert inspect(run_dir).reason is Reason.WEIGHTS_MISSING


def test_a_link_out_of_a_folder_is_refused(make: Make, run_dir: Path) -> None:
    path = make.put(run_dir / "checkpoint-5", nested(make.adapter(5), "ui"))
    (path / "ui" / "adapter_model.safetensors").rename(run_dir / "elsewhere.safetensors")
    (path / "ui" / "adapter_model.safetensors").symlink_to(run_dir / "elsewhere.safetensors")
    found = inspect(path, 5)
    assert (found.condition, found.reason) == (Condition.UNSUPPORTED, Reason.UNREADABLE)


def test_weights_deeper_than_one_folder_are_named(make: Make, run_dir: Path) -> None:
    path = make.put(run_dir / "checkpoint-5", nested(make.full(5), "actor/huggingface"))
    found = inspect(path, 5, quiet=QUIET_S)
    assert found.condition is Condition.UNSUPPORTED
    assert f"uimon eval {path}/actor/huggingface" in found.detail


def test_a_copy_into_a_folder_is_seen_and_not_given_up_while_it_goes_on(make: Make, run_dir: Path) -> None:
    now = 0.0
    source = DirectorySource(run_dir, DirectoryWaker(run_dir), clock=lambda: now)

    def look() -> list[Checkpoint]:
        return list(source.look() or [])

    files = nested(make.full(5, shards=3), "model")
    index = files.pop("model/model.safetensors.index.json")
    path = make.put(run_dir / "checkpoint-5", {n: files[n] for n in ("trainer_state.json", "model/config.json")})
    for name in sorted(n for n in files if n.endswith(".safetensors")):
        now += QUIET_S - 1
        make.put(path, {name: files[name]})
        (seen,) = look()
        assert seen.condition is Condition.PARTIAL
    now += QUIET_S
    (seen,) = look()
    assert seen.condition is Condition.UNSUPPORTED
    make.put(path, {"model/model.safetensors.index.json": index})
    (seen,) = look()
    assert seen.condition is Condition.COMPLETE


def test_a_state_older_than_its_weights_waits_for_a_silence_only(make: Make, run_dir: Path) -> None:
    path = make.put(run_dir / "checkpoint-5", make.full(5))
    os.utime(path / "trainer_state.json", (1000.0, 1000.0))
    assert inspect(path, 5).settling
    assert inspect(path, 5, quiet=QUIET_S).condition is Condition.COMPLETE


def test_runs_deeper_down_are_found_newest_first_and_no_loop_is_followed(make: Make, tmp_path: Path) -> None:
    places = ["outputs/2026-11-28/15-30-00", "saves/M/lora/RUN", "output/M/v0-20261128-153000"]
    for number, place in enumerate(places):
        (tmp_path / place / "checkpoint-10").mkdir(parents=True)
        os.utime(tmp_path / place / "checkpoint-10", (number, number))
    (tmp_path / "a/b/c/d/e/checkpoint-1").mkdir(parents=True)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / ".cache" / "checkpoint-3").mkdir(parents=True)
    assert [str(path.relative_to(tmp_path)) for path in runs_below(tmp_path)] == places[::-1]
    assert models_below(make.put(tmp_path / "checkpoint-1", {"x/y/model.safetensors": b""})) == ["x/y"]


@pytest.mark.parametrize("kind", [Path.touch, Path.mkdir])
def test_a_data_set_beside_the_runs_does_not_hide_them(tmp_path: Path, kind: Callable[[Path], None]) -> None:
    (tmp_path / "data").mkdir()
    for number in range(6000):
        kind(tmp_path / "data" / f"{number:05}")
    place = tmp_path / "outputs" / "2026-11-28" / "15-30-00"
    (place / "checkpoint-1").mkdir(parents=True)
    assert runs_below(tmp_path) == [place]


def test_the_walk_is_bounded(tmp_path: Path) -> None:
    for number in range(DIRECTORIES + 10):
        (tmp_path / "x" / f"{number:05}" / "checkpoint-1").mkdir(parents=True)
    assert len(runs_below(tmp_path)) < DIRECTORIES


def test_runs_behind_a_link_are_named_and_none_behind_a_second_one(make: Make, tmp_path: Path) -> None:
    root, scratch = tmp_path / "root", tmp_path / "scratch"
    root.mkdir()
    make.put(scratch / "R" / "checkpoint-10", make.full(10))
    make.put(tmp_path / "far" / "checkpoint-10", make.full(10))
    (root / "outputs").symlink_to(scratch)
    (root / "nowhere").symlink_to(tmp_path / "none")
    (scratch / "back").symlink_to(root)
    (scratch / "far").symlink_to(tmp_path / "far")
    assert runs_below(root) == [root / "outputs" / "R"]
    assert f"do: {root}/outputs/R; name" in name_others(root)
    (root / "outputs").unlink()
    blob = make.put(tmp_path / "blob", make.full(9))
    for name, target in (("far", tmp_path / "far" / "checkpoint-10"), ("blobs", blob)):
        (root / name).mkdir()
        (root / name / "checkpoint-10").symlink_to(target)
    assert set(runs_below(root)) == {tmp_path / "far", root / "blobs"}


def test_a_checkpoint_that_is_a_link_is_named_with_where_it_leads(make: Make, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    make.put(tmp_path / "my scratch" / "checkpoint-10", make.full(10))
    make.put(tmp_path / "other", make.full(20))
    (root / "checkpoint-10").symlink_to(tmp_path / "my scratch" / "checkpoint-10")
    assert f"name the directory {tmp_path}/my scratch, or" in name_others(root)
    assert f"`uimon eval '{tmp_path}/my scratch/checkpoint-10'`" in name_links(root)
    make.put(root / "checkpoint-5", make.full(5))
    (root / "checkpoint-20").symlink_to(tmp_path / "other")
    assert "checkpoint-10 (and 1 more such links) is a link" in name_links(root)
    source = DirectorySource(root, DirectoryWaker(root))
    assert [found.name for found in source.look() or []] == ["checkpoint-5"]
    assert "is a link" in source.elsewhere()
    for link in ("checkpoint-10", "checkpoint-20"):
        (root / link).unlink()
    (root / "checkpoint-6").symlink_to("checkpoint-5")
    assert name_links(root) == ""


def test_a_number_that_is_no_step_is_named(make: Make, tmp_path: Path) -> None:
    long = tmp_path / f"checkpoint-1{'0' * 18}"
    make.put(long, make.full(5))
    assert f"{long} is named after a step of more than 18 digits" in name_others(tmp_path)
    make.put(tmp_path / "checkpoint-5", make.full(5))
    make.put(tmp_path / f"step_{'9' * 30}", make.full(5))
    make.put(tmp_path / f"step_{'0' * 30}6", make.full(6))
    source = DirectorySource(tmp_path, DirectoryWaker(tmp_path))
    assert [found.step for found in source.look() or []] == [5, 6]
    assert f"{long} (and 1 more) is named after a step" in source.elsewhere()


def test_a_directory_that_is_a_checkpoint_itself_is_told_from_a_runs(make: Make, tmp_path: Path) -> None:
    path = make.put(tmp_path / "run" / "checkpoint-5", make.full(5))
    assert f"{path} is a checkpoint itself: name {path.parent}" in name_others(path)
    assert f"`uimon eval {path}` evaluates it" in name_others(path)
    adapter = make.put(tmp_path / "out", make.adapter(5))
    assert f"{adapter} holds a model and no checkpoint-N: `uimon eval {adapter}`" in name_others(adapter)
    (tmp_path / "empty" / "checkpoint-5").mkdir(parents=True)
    assert name_others(tmp_path / "empty" / "checkpoint-5") == ""
    assert name_others(tmp_path / "none") == ""


@pytest.mark.parametrize(
    "growing",
    [
        "checkpoint-5/.cache/huggingface/download/x.incomplete",
        ".cache/huggingface/download/checkpoint-5/x.incomplete",
        "checkpoint-5/optimizer_0/__0_0.tmp",
        "checkpoint-5/actor/huggingface/model.safetensors.tmp",
    ],
)
def test_what_grows_below_or_beside_a_checkpoint_is_no_silence(make: Make, run_dir: Path, growing: str) -> None:
    now = 0.0
    source = DirectorySource(run_dir, DirectoryWaker(run_dir), clock=lambda: now)
    files = make.full(5)
    del files["model.safetensors"]
    make.put(run_dir / "checkpoint-5", files)
    (run_dir / growing).parent.mkdir(parents=True, exist_ok=True)
    for size in range(4):
        (run_dir / growing).write_bytes(b"x" * size)
        now += QUIET_S - 1
        (seen,) = source.look() or []
        assert (seen.condition, seen.settling) == (Condition.PARTIAL, True)
    now += QUIET_S
    (seen,) = source.look() or []
    assert seen.condition is Condition.UNSUPPORTED


def test_what_goes_on_below_after_a_long_silence_is_seen_within_some_looks(make: Make, run_dir: Path) -> None:
    now = 0.0
    source = DirectorySource(run_dir, DirectoryWaker(run_dir), clock=lambda: now)
    path = make.put(run_dir / "checkpoint-5", {"trainer_state.json": state_bytes(5), "a/b/x": b""})
    assert [found.condition for found in source.look() or []] == [Condition.PARTIAL]
    now = LONG_SILENCE_S
    assert [found.condition for found in source.look() or []] == [Condition.UNSUPPORTED]
    (path / "a" / "b" / "x").write_bytes(b"x")
    looks = [found.condition for _ in range(_TURNS) for found in source.look() or []]
    assert looks[-1] is Condition.PARTIAL


def test_shards_that_a_download_brings_before_the_weights_are_no_failure(make: Make, run_dir: Path) -> None:
    now = 0.0
    source = DirectorySource(run_dir, DirectoryWaker(run_dir), clock=lambda: now)
    files = make.full(5) | {f"global_step5/{SHARD}": b"x", "zero_to_fp32.py": b""}
    path = make.put(run_dir / "checkpoint-5", {n: c for n, c in files.items() if n != "model.safetensors"})
    growing = run_dir / ".cache/huggingface/download/checkpoint-5/x.incomplete"
    growing.parent.mkdir(parents=True)
    for size in range(3):
        growing.write_bytes(b"x" * size)
        now += QUIET_S - 1
        (seen,) = source.look() or []
        assert (seen.condition, seen.settling) == (Condition.PARTIAL, True)
    growing.unlink()
    make.put(path, {"model.safetensors": files["model.safetensors"]})
    (seen,) = source.look() or []
    assert seen.condition is Condition.COMPLETE


def test_a_download_into_the_runs_directory_delays_its_own_model(make: Make, run_dir: Path) -> None:
    now = 0.0
    source = DirectorySource(run_dir, DirectoryWaker(run_dir), clock=lambda: now)
    make.put(run_dir / "checkpoint-5", make.full(5))
    make.put(run_dir, {name: c for name, c in make.full(5).items() if name in ("config.json", "model.safetensors")})
    (run_dir / ".cache/huggingface/download").mkdir(parents=True)
    for size in range(3):
        (run_dir / ".cache/huggingface/download/tokenizer.incomplete").write_bytes(b"x" * size)
        now += QUIET_S - 1
        assert [f.condition for f in source.look() or [] if f.name == "final"] == [Condition.PARTIAL]
    now += QUIET_S
    assert [f.condition for f in source.look() or [] if f.name == "final"] == [Condition.COMPLETE]


@pytest.mark.parametrize("age", [0.0, LONG_SILENCE_S + 1])
def test_an_empty_checkpoint_is_not_being_written_for_ever(run_dir: Path, age: float) -> None:
    now = 0.0
    source = DirectorySource(run_dir, DirectoryWaker(run_dir), clock=lambda: now)
    path = run_dir / "checkpoint-5"
    path.mkdir(parents=True)
    os.utime(path, (path.stat().st_mtime - age,) * 2)
    if not age:
        assert [found.condition for found in source.look() or []] == [Condition.PARTIAL]
        now = LONG_SILENCE_S
    (seen,) = source.look() or []
    assert (seen.condition, seen.reason) == (Condition.UNSUPPORTED, Reason.WEIGHTS_MISSING)
    assert "checkpoint-5 is empty, and its writer is done with it: delete it" in seen.detail


VERL = ["actor/model_world_size_2_rank_0.pt", "actor/huggingface/config.json", "critic/model_world_size_2_rank_0.pt"]
MEGATRON = ["actor/dist_ckpt/common.pt", "actor/huggingface/config.json", "data.pt"]


@pytest.mark.parametrize(("files", "backend"), [(VERL, "fsdp"), (MEGATRON, "megatron")])
def test_verls_shards_name_its_own_merger(make: Make, run_dir: Path, files: list[str], backend: str) -> None:
    path = make.put(run_dir / "global_step_5", dict.fromkeys(files, b"{}"))
    assert inspect(path, 5, STEPS).condition is Condition.PARTIAL
    found = inspect(path, 5, STEPS, quiet=QUIET_S)
    assert (found.condition, found.reason) == (Condition.UNSUPPORTED, Reason.FSDP_SHARDED)
    said = f"`python -m verl.model_merger merge --backend {backend} --local_dir {path}/actor --target_dir "
    assert said in found.detail
    make.put(path, nested(make.full(5), "actor/huggingface"))
    assert "uimon eval" in inspect(path, 5, STEPS, quiet=QUIET_S).detail


SHARD = "zero_pp_rank_0_mp_rank_00_optim_states.pt"


def test_deepspeeds_shards_are_known_without_its_script(make: Make, run_dir: Path) -> None:
    path = make.put(run_dir / "checkpoint-5", {f"global_step5/{SHARD}": b"x", "latest": b"global_step5"})
    found = inspect(path, 5, quiet=LONG_SILENCE_S)
    assert (found.condition, found.reason) == (Condition.UNSUPPORTED, Reason.DEEPSPEED_ZERO)
    assert f"`python -m deepspeed.utils.zero_to_fp32 {path} checkpoint-5-converted --tag global_step5" in found.detail
    make.put(path, {"trainer_state.json": state_bytes(5)})
    assert inspect(path, 5).reason is Reason.DEEPSPEED_ZERO
    alone = make.put(run_dir / "global_step7", {SHARD: b"x"})
    found = inspect(alone, 7, STEPS, quiet=QUIET_S)
    assert f"zero_to_fp32 {run_dir} global_step7-converted --tag global_step7" in found.detail
