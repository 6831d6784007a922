from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from watcher.engine.gpu import Device, GpuChoice, Holder, SystemNvml, choose_gpu, describe_holders
from watcher.model import Reason, UimonError

GIB = 2**30
TRAINER = Holder(4711, "python", 60 * GIB)


def card(index: int, used: int = 0, holders: tuple[Holder, ...] = (), total: int = 80 * GIB) -> Device:
    return Device(index, f"GPU-{index}{index}{index}-abc", f"Card {index}", total - used, used, total, holders)


@dataclass(frozen=True)
class Scripted:
    """An NVML that sees these cards."""

    cards: tuple[Device, ...]

    def devices(self) -> Sequence[Device]:
        return self.cards


def choose(
    *cards: Device, gpu: str | None = None, share: bool = False, visible: str | None = None, count: int = 1
) -> GpuChoice:
    return choose_gpu(gpu, share, Scripted(cards), visible, count)


def refusal(*cards: Device, **options: Any) -> UimonError:
    with pytest.raises(UimonError) as caught:
        choose(*cards, **options)
    return caught.value


BUSY = card(0, 61 * GIB, (TRAINER,))


def test_the_emptiest_gpu_is_taken_and_not_the_trainers() -> None:
    choice = choose(BUSY, card(1, GIB // 2), card(2))
    assert choice.cuda_visible_devices == "GPU-222-abc"
    assert (choice.free_bytes, choice.total_bytes) == (80 * GIB, 80 * GIB)
    assert "the emptiest of 3 visible" in choice.why


def test_emptiest_means_most_free_memory_and_ties_go_to_the_first() -> None:
    assert choose(card(0, total=24 * GIB), card(1, GIB // 2)).name == "Card 1"
    assert choose(card(0), card(1)).name == "Card 0"


def test_a_larger_occupied_gpu_does_not_win_over_a_smaller_free_one() -> None:
    assert choose(card(0, 20 * GIB, (TRAINER,), total=180 * GIB), card(1, total=24 * GIB)).name == "Card 1"


def test_an_occupied_gpu_is_refused_naming_who_holds_what() -> None:
    error = refusal(BUSY)
    assert error.reason is Reason.GPU_OCCUPIED
    assert "python (pid 4711) holds 60.0 GiB" in error.sentence
    assert "--share-gpu" in error.sentence
    assert "Card 0" in error.sentence


def test_naming_it_is_not_sharing_it() -> None:
    assert refusal(BUSY, card(1), gpu="0").reason is Reason.GPU_OCCUPIED
    choice = choose(BUSY, card(1), gpu="0", share=True)
    assert choice.cuda_visible_devices == "GPU-000-abc"
    assert "shared: python (pid 4711)" in choice.why
    assert choose(BUSY, card(1), share=True).name == "Card 1"


def test_one_gibibyte_is_still_free_and_one_byte_more_is_not() -> None:
    assert choose(card(0, GIB)).name == "Card 0"
    assert refusal(card(0, GIB + 1)).reason is Reason.GPU_OCCUPIED


def test_several_small_holders_count_together() -> None:
    holders = tuple(Holder(i, "python", GIB // 4) for i in range(6))
    error = refusal(card(0, 0, holders))
    assert "python (pid 0) holds 0.2 GiB" in error.sentence
    assert "2 more" in error.sentence


def test_a_holder_outside_of_the_container_is_unseen_but_counts() -> None:
    assert "an unseen process" in refusal(card(0, 40 * GIB)).sentence
    assert "holds 40.0 GiB" in refusal(card(0, 40 * GIB)).sentence
    partly = describe_holders(card(0, 40 * GIB, (Holder(7, "python", 10 * GIB),)))
    assert partly.startswith("python (pid 7) holds 10.0 GiB, an unseen process")
    assert partly.endswith("holds 30.0 GiB")


def test_a_driver_that_tells_no_amounts_still_gives_names() -> None:
    text = refusal(card(0, 40 * GIB, (Holder(7, None, None),))).sentence
    assert "a process (pid 7) holds an unknown amount" in text
    assert "unseen" not in text


@pytest.mark.parametrize(
    ("visible", "gpu", "name"),
    [
        (None, "2", "Card 2"),
        ("2,1", "0", "Card 2"),
        ("2,1", "1", "Card 1"),
        ("2", None, "Card 2"),
        (" 2 , 1 ", "1", "Card 1"),
        ("GPU-111-abc", "0", "Card 1"),
        ("GPU-1", None, "Card 1"),
        ("2,1", "GPU-111-abc", "Card 1"),
        ("2,1", "gpu-111", "Card 1"),
        ("1,9,2", None, "Card 1"),
        ("1,-1,2", None, "Card 1"),
    ],
)
def test_the_inherited_list_is_counted_as_cuda_does(visible: str | None, gpu: str | None, name: str) -> None:
    cards = (card(0), card(1, GIB // 4), card(2, GIB // 8))
    assert choose(*cards, visible=visible, gpu=gpu).name == name


@pytest.mark.parametrize(
    ("visible", "gpu"),
    [("2,1", "2"), ("2,1", "GPU-000-abc"), ("2,1", "GPU-"), (None, "3"), (None, "-1"), (None, ""), (None, "cuda:0"),
     ("1,9,2", "1"), ("1,1", "1")],
)  # fmt: skip
def test_a_gpu_that_is_not_visible_is_missing(visible: str | None, gpu: str) -> None:
    error = refusal(card(0), card(1), card(2), visible=visible, gpu=gpu)
    assert error.reason is Reason.GPU_MISSING
    assert repr(gpu) in error.sentence
    assert "Card 1" in error.sentence


def test_a_list_that_names_no_gpu_of_this_machine_is_not_taken_for_the_cpu() -> None:
    error = refusal(card(0), visible="7")
    assert error.reason is Reason.GPU_MISSING
    assert "'7'" in error.sentence


@pytest.mark.parametrize("visible", ["", "-1", "none", "NoDevFiles"])
def test_a_list_that_hides_every_gpu_means_the_cpu(visible: str) -> None:
    assert choose(card(0), visible=visible).cuda_visible_devices is None
    assert refusal(card(0), visible=visible, gpu="0").reason is Reason.GPU_MISSING


def test_without_a_driver_the_engine_runs_on_the_cpu() -> None:
    for nvml in (None, Scripted(())):
        choice = choose_gpu(None, False, nvml, None)
        assert (choice.cuda_visible_devices, choice.name, choice.total_bytes) == (None, "CPU", 0)
        with pytest.raises(UimonError, match="leave --gpu out") as caught:
            choose_gpu("0", False, nvml, None)
        assert caught.value.reason is Reason.GPU_MISSING


def slice_of(index: int, slot: int) -> Device:
    return Device(index, f"MIG-{index}{slot}", f"Slice {slot}", 90 * GIB, 0, 90 * GIB)


def test_several_gpus_are_the_emptiest_in_their_own_order() -> None:
    cards = (card(0, GIB), BUSY, card(2, GIB // 2, total=40 * GIB), card(3))
    choice = choose(*cards, count=3)
    assert choice.cuda_visible_devices == "GPU-000-abc,GPU-222-abc,GPU-333-abc"
    assert choice.name == "Card 0, Card 2, Card 3"
    assert (choice.free_bytes, choice.total_bytes) == (40 * GIB - GIB // 2, 40 * GIB)
    assert choose(*cards, count=2).cuda_visible_devices == "GPU-000-abc,GPU-333-abc"
    where = "GPU 0 (Card 0, 79.0 GiB free) and GPU 3 (Card 3, 80.0 GiB free), the emptiest of 4 visible"
    assert where in choose(*cards, count=2).why


@pytest.mark.parametrize(
    ("gpu", "visible", "uuids"),
    [
        ("2,0", None, "GPU-222-abc,GPU-000-abc"),
        (" 0 , GPU-1", None, "GPU-000-abc,GPU-111-abc"),
        ("0,1", "2,1", "GPU-222-abc,GPU-111-abc"),
        ("GPU-111,GPU-222", "2,1", "GPU-111-abc,GPU-222-abc"),
    ],
)
def test_a_list_names_several_gpus_in_its_own_order(gpu: str, visible: str | None, uuids: str) -> None:
    choice = choose(card(0), card(1), card(2), gpu=gpu, visible=visible, count=2)
    assert choice.cuda_visible_devices == uuids
    assert "named by --gpu" in choice.why


@pytest.mark.parametrize(
    ("gpu", "count"), [("0", 2), ("0,1", 1), ("0,1,2", 2), ("0,", 1), ("GPU-000", 3), ("0,0", 2), ("1,GPU-111", 2)]
)
def test_as_many_different_gpus_must_be_named_as_the_engine_needs(gpu: str, count: int) -> None:
    error = refusal(card(0), card(1), card(2), gpu=gpu, count=count)
    assert error.reason is Reason.CONFIG_INVALID
    assert repr(gpu) in error.sentence
    assert f"--tensor-parallel {count} needs {count}" in error.sentence


def test_one_missing_gpu_of_a_list_is_named() -> None:
    error = refusal(card(0), card(1), gpu="0,7", count=2)
    assert error.reason is Reason.GPU_MISSING
    assert "'7'" in error.sentence


def test_fewer_gpus_than_needed_are_named() -> None:
    error = refusal(card(0), card(1), card(2), visible="1,2", count=3)
    assert error.reason is Reason.GPU_MISSING
    assert "--tensor-parallel 3" in error.sentence
    assert "visible are: 0 is Card 1 GPU-111-abc; 1 is Card 2 GPU-222-abc;" in error.sentence


def test_too_few_free_gpus_are_refused_naming_who_holds_the_others() -> None:
    other = card(1, 30 * GIB, (Holder(12, "trl", 30 * GIB),))
    for options in ({}, {"gpu": "0,1"}, {"gpu": "2,0"}):
        error = refusal(BUSY, other, card(2), count=2, **options)
        assert error.reason is Reason.GPU_OCCUPIED
        assert "needs 2 free GPUs" in error.sentence
        assert "GPU 0 (Card 0): python (pid 4711) holds 60.0 GiB" in error.sentence
        assert ("trl (pid 12)" in error.sentence) is ("1" in options.get("gpu", "1"))
        assert "Card 2" not in error.sentence


def test_several_gpus_may_be_shared_on_purpose() -> None:
    choice = choose(BUSY, card(1), gpu="0,1", share=True, count=2)
    assert choice.cuda_visible_devices == "GPU-000-abc,GPU-111-abc"
    assert choice.free_bytes == 19 * GIB
    assert "GPU 0 is shared: python (pid 4711)" in choice.why


def test_mig_instances_serve_alone_but_are_never_combined() -> None:
    slices = (slice_of(0, 0), slice_of(0, 1))
    assert choose(*slices).cuda_visible_devices == "MIG-00"
    for cards, gpu in ((slices, None), (slices, "0,1"), ((card(1), *slices), None), ((card(1), *slices), "0,2")):
        error = refusal(*cards, gpu=gpu, count=2)
        assert error.reason is Reason.GPU_MISSING
        assert "MIG instances cannot be combined" in error.sentence
        assert "Slice 1 MIG-01" in error.sentence
    assert choose(*slices, card(1), card(2), count=2).cuda_visible_devices == "GPU-111-abc,GPU-222-abc"


def test_on_the_cpu_an_engine_of_several_processes_needs_no_gpu() -> None:
    assert choose(count=2).cuda_visible_devices is None
    assert choose(card(0), visible="", count=2).cuda_visible_devices is None


class NvmlError(Exception):
    pass


class FakePynvml:
    """The calls of pynvml, over two physical cards: one plain with a trainer, one cut into two MIG instances.

    Which calls fail, and how, is what the real library does where a card lacks a feature.
    """

    NVMLError = NvmlError
    NVML_DEVICE_MIG_ENABLE = 1
    nvmlMemory_v2 = 2

    def nvmlDeviceGetCount(self) -> int:
        return 3

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        if index == 2:
            raise NvmlError("lost")
        return ("plain", "cut")[index]

    def nvmlDeviceGetMigMode(self, handle: str) -> list[int]:
        if handle == "plain":
            raise NvmlError("not supported")
        return [1, 1]

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: str) -> int:
        return 7 if handle == "cut" else 0

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: str, slot: int) -> str:
        if slot > 1:
            raise NvmlError("not found")
        return f"{handle}-{slot}"

    def nvmlDeviceGetName(self, handle: str) -> str:
        return f"Card {handle}"

    def nvmlDeviceGetUUID(self, handle: str) -> str:
        return ("GPU-" if handle == "plain" else "MIG-") + handle

    def nvmlDeviceGetMemoryInfo(self, handle: str, version: int | None) -> Any:
        if handle == "plain" and version is not None:
            raise NvmlError("too old for version 2")
        if handle == "cut-1":
            raise NvmlError("not supported")
        return SimpleNamespace(free=10 * GIB, used=70 * GIB, total=81 * GIB)

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> list[Any]:
        if handle != "plain":
            raise NvmlError("no permission")
        return [SimpleNamespace(pid=5, usedGpuMemory=70 * GIB), SimpleNamespace(pid=6, usedGpuMemory=None)]

    def nvmlDeviceGetGraphicsRunningProcesses(self, handle: str) -> list[Any]:
        return [SimpleNamespace(pid=5, usedGpuMemory=70 * GIB)] if handle == "plain" else []

    def nvmlSystemGetProcessName(self, pid: int) -> str:
        if pid == 6:
            raise NvmlError("not found")
        return "/opt/bin/python3 train.py --token secret"


def test_nvml_is_read_with_its_gaps() -> None:
    plain, first, second = SystemNvml(FakePynvml()).devices()
    holders = (Holder(5, "python3", 70 * GIB), Holder(6, None, None))
    assert plain == Device(0, "GPU-plain", "Card plain", 10 * GIB, 70 * GIB, 81 * GIB, holders)
    assert (first.index, first.uuid, first.used_bytes, first.holders) == (1, "MIG-cut-0", 70 * GIB, ())
    assert (second.uuid, second.free_bytes, second.used_bytes, second.total_bytes) == ("MIG-cut-1", 0, 0, 0)
    assert (plain.whole, first.whole) == (True, False)
    assert "secret" not in repr(plain)


def test_the_calls_that_are_made_exist_in_the_real_library() -> None:
    pynvml = pytest.importorskip("pynvml")
    names = [name for name in vars(FakePynvml) if not name.startswith("_")]
    assert len(names) == 14
    assert [name for name in names if not hasattr(pynvml, name)] == []


def test_the_real_library_says_what_this_machine_has() -> None:
    devices = SystemNvml().devices()
    assert all(device.uuid.startswith(("GPU-", "MIG-")) and device.name for device in devices)
