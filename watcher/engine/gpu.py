"""Chooses the engine's GPU, or GPUs, so that the trainer's is never touched by accident.

A GPU on which somebody holds more than `OCCUPIED_BYTES` is refused, with the names of the holders, unless the user
shares it on purpose. The choice is made over NVML, which opens no CUDA context and so takes no memory on any GPU, and
is handed to the engine's process as a UUID: CUDA may number GPUs in another order than NVML does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Protocol

from watcher.model import Reason, UimonError

OCCUPIED_BYTES = 2**30
"""A desktop's windows stay below 1 GiB; a CUDA context with a model, even a small one in training, does not."""
NAMED_HOLDERS = 4
NO_GPU = ("", "-1", "none", "void", "nodevfiles")
"""Values of CUDA_VISIBLE_DEVICES that are in use for "no GPU at all"."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process with memory on a GPU. `name` and `bytes` are None where the driver does not tell."""

    pid: int
    name: str | None
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Device:
    """One GPU, or one MIG instance of it, as NVML sees it now. `index` is the physical one, in PCI order."""

    index: int
    uuid: str
    name: str
    free_bytes: int
    used_bytes: int
    total_bytes: int
    holders: tuple[Holder, ...] = ()

    @property
    def held_bytes(self) -> int:
        """Memory that is taken. In a container, processes of the host do not show, only what they hold does."""
        return max(self.used_bytes, sum(holder.bytes or 0 for holder in self.holders))

    @property
    def occupied(self) -> bool:
        """True where it counts as somebody's."""
        return self.held_bytes > OCCUPIED_BYTES

    @property
    def whole(self) -> bool:
        """False for a MIG instance: a process sees no more than one of them (NVIDIA's MIG user guide)."""
        return not self.uuid.startswith("MIG-")


Numbered = tuple[int, Device]
"""A device and its position among the visible ones, which is the index that CUDA and users know it by."""


class NvmlLike(Protocol):
    """Where the facts about GPUs come from."""

    def devices(self) -> Sequence[Device]:
        """All GPUs that this process may see, whatever CUDA_VISIBLE_DEVICES says, by index."""


@dataclass(frozen=True, slots=True)
class GpuChoice:
    """Where the engine will run.

    `cuda_visible_devices` is for the engine's environment, before it imports torch: UUIDs, with a comma between
    them; None leaves the environment as it is, for an engine on the CPU. `name` is for people. `free_bytes` and
    `total_bytes` are the smallest of any chosen GPU, 0 where unknown and on the CPU. `why` is one sentence for the
    log.
    """

    cuda_visible_devices: str | None
    name: str
    free_bytes: int
    total_bytes: int
    why: str


def choose_gpu(gpu: str | None, share: bool, nvml: NvmlLike | None, visible: str | None, count: int = 1) -> GpuChoice:
    """The `count` GPUs for one engine: those that `gpu` names, else the visible ones with the most free memory.

    `gpu` is a list with commas, in which each entry is an index into `visible`, the inherited CUDA_VISIBLE_DEVICES
    (None: not set), or the UUID of a visible GPU, or its beginning. `share` takes occupied ones all the same. `nvml`
    None means that there is no driver. Without a GPU nothing is chosen, whatever `count` is: vLLM's CPU build does
    tensor parallelism over processes.

    Raises UimonError: CONFIG_INVALID where `gpu` does not name `count` different ones; GPU_MISSING where `gpu` or
    `visible` names one that is not there, or there are fewer than `count`; GPU_OCCUPIED where too few are free.
    """
    devices = list(nvml.devices()) if nvml else []
    if not devices:
        return _without_gpu(gpu, "no NVIDIA driver with a GPU was found")
    if visible is not None and visible.strip().lower() in NO_GPU:
        return _without_gpu(gpu, f"CUDA_VISIBLE_DEVICES is {visible!r}")
    usable = _visible(devices, visible)
    if not usable:
        raise UimonError(
            Reason.GPU_MISSING, f"CUDA_VISIBLE_DEVICES is {visible!r}, which names no GPU of this machine; correct it."
        )
    named = list(enumerate(usable)) if gpu is None else _named(gpu, usable, count)
    candidates = _combinable(named, count)
    free = [pair for pair in candidates if share or not pair[1].occupied]
    if len(free) < count:
        raise _occupied(candidates, count)
    emptiest = sorted(free, key=lambda pair: (-pair[1].free_bytes, pair[0]))[:count]
    how = f"the emptiest of {len(usable)} visible" if gpu is None else "named by --gpu"
    return _choice([pair for pair in candidates if pair in emptiest], how)


def _without_gpu(gpu: str | None, why: str) -> GpuChoice:
    if gpu is not None:
        raise UimonError(Reason.GPU_MISSING, f"--gpu names {gpu!r}, but {why}; leave --gpu out to use the CPU.")
    return GpuChoice(None, "CPU", 0, 0, f"The engine runs on the CPU: {why}.")


def _visible(devices: list[Device], visible: str | None) -> list[Device]:
    """The devices that CUDA would show, in its order: it stops at the first entry that names none."""
    if visible is None:
        return devices
    found: list[Device] = []
    for entry in visible.split(","):
        device = _lookup(devices, entry.strip())
        if device is None or device in found:
            break
        found.append(device)
    return found


def _lookup(devices: list[Device], entry: str) -> Device | None:
    if entry.isdecimal():
        matching = [device for device in devices if device.index == int(entry)]
        return matching[0] if matching else None  # CUDA shows only the first MIG instance of an index
    matching = [device for device in devices if entry and device.uuid.lower().startswith(entry.lower())]
    return matching[0] if len(matching) == 1 else None


def _named(gpu: str, usable: list[Device], count: int) -> list[Numbered]:
    """The named GPUs, in that order."""
    entries = gpu.split(",")
    if len(entries) != count:
        sentence = f"--gpu {gpu!r} names {len(entries)}, but --tensor-parallel {count} needs {count}; name as many."
        raise UimonError(Reason.CONFIG_INVALID, sentence)
    positions = [_position(entry, usable) for entry in entries]
    if len(set(positions)) < count:
        sentence = f"--gpu {gpu!r} names one GPU twice; --tensor-parallel {count} needs {count} different ones."
        raise UimonError(Reason.CONFIG_INVALID, sentence)
    return [(position, usable[position]) for position in positions]


def _position(entry: str, usable: list[Device]) -> int:
    """The position of one named GPU among the visible ones."""
    text = entry.strip()
    if text.isdecimal():
        if int(text) < len(usable):
            return int(text)
    elif device := _lookup(usable, text):
        return usable.index(device)
    there = _listing(list(enumerate(usable)))
    raise UimonError(
        Reason.GPU_MISSING, f"--gpu names {entry!r}, which is not exactly one visible GPU; visible are: {there}."
    )


def _listing(candidates: list[Numbered]) -> str:
    return "; ".join(f"{position} is {device.name} {device.uuid}" for position, device in candidates)


def _combinable(candidates: list[Numbered], count: int) -> list[Numbered]:
    """Those of `candidates` of which `count` can serve one engine together."""
    combinable = [pair for pair in candidates if count == 1 or pair[1].whole]
    if len(combinable) < count:
        raise UimonError(
            Reason.GPU_MISSING,
            f"--tensor-parallel {count} needs {count} whole GPUs (MIG instances cannot be combined), but visible are: "
            f"{_listing(candidates)}; choose a smaller --tensor-parallel, or others with --gpu.",
        )
    return combinable


def _occupied(candidates: list[Numbered], count: int) -> UimonError:
    needed = "a free GPU" if count == 1 else f"{count} free GPUs"
    occupied = [(i, device) for i, device in candidates if device.occupied]
    holders = "; ".join(f"GPU {i} ({device.name}): {describe_holders(device)}" for i, device in occupied)
    return UimonError(
        Reason.GPU_OCCUPIED,
        f"The engine needs {needed}, but these are in use: {holders}; name others with --gpu, or share them on "
        "purpose with --share-gpu.",
    )


def describe_holders(device: Device) -> str:
    """Who holds how much on a GPU, the largest first, in words."""
    known = sorted(device.holders, key=lambda holder: -(holder.bytes or 0))
    parts = [f"{holder.name or 'a process'} (pid {holder.pid}) holds {_amount(holder.bytes)}" for holder in known]
    if len(parts) > NAMED_HOLDERS:
        parts[NAMED_HOLDERS:] = [f"{len(parts) - NAMED_HOLDERS} more"]
    unseen = device.used_bytes - sum(holder.bytes or 0 for holder in known)
    if unseen > OCCUPIED_BYTES and all(holder.bytes is not None for holder in known):
        parts.append(f"an unseen process (of another container or the host) holds {_amount(unseen)}")
    return ", ".join(parts) or f"{_amount(device.used_bytes)} are taken"


def _amount(size: int | None) -> str:
    return "an unknown amount" if size is None else f"{size / 2**30:.1f} GiB"


def _choice(chosen: list[Numbered], how: str) -> GpuChoice:
    devices = [device for _, device in chosen]
    where = " and ".join(f"GPU {i} ({device.name}, {_amount(device.free_bytes)} free)" for i, device in chosen)
    shared = "".join(f"; GPU {i} is shared: {describe_holders(device)}" for i, device in chosen if device.occupied)
    return GpuChoice(
        cuda_visible_devices=",".join(device.uuid for device in devices),
        name=", ".join(device.name for device in devices),
        free_bytes=min(device.free_bytes for device in devices),
        total_bytes=min(device.total_bytes for device in devices),
        why=f"The engine runs on {where}, {how}{shared}.",
    )


class SystemNvml:
    """This machine's NVML, through `pynvml` (the package nvidia-ml-py), imported only when it is asked.

    Without the package or a driver there are no devices. `pynvml` replaces the module, for tests.
    """

    def __init__(self, pynvml: Any = None) -> None:
        self._nvml = pynvml

    def _open(self) -> bool:
        """True where NVML answers."""
        if self._nvml is not None:
            return True
        try:
            import pynvml
        except ImportError:
            return False
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError:
            return False
        self._nvml = pynvml
        return True

    def devices(self) -> list[Device]:
        """A fresh look at every GPU; one that fails to answer (lost from the bus) is left out."""
        found: list[Device] = []
        if not self._open():
            return found
        for index in range(self._nvml.nvmlDeviceGetCount()):
            try:
                handle = self._nvml.nvmlDeviceGetHandleByIndex(index)
                found += [self._device(index, part) for part in self._parts(handle)]
            except self._nvml.NVMLError:
                continue
        return found

    def _parts(self, handle: object) -> list[object]:
        """The GPU itself, or its MIG instances where it is cut into such: then CUDA can use only those."""
        nvml = self._nvml
        try:
            if nvml.nvmlDeviceGetMigMode(handle)[0] != nvml.NVML_DEVICE_MIG_ENABLE:
                return [handle]
            slots = nvml.nvmlDeviceGetMaxMigDeviceCount(handle)
        except nvml.NVMLError:  # a GPU that knows no MIG
            return [handle]
        parts = []
        for slot in range(slots):
            try:
                parts.append(nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, slot))
            except nvml.NVMLError:  # an empty slot
                continue
        return parts

    def _device(self, index: int, handle: object) -> Device:
        free, used, total = self._memory(handle)
        name, uuid = self._nvml.nvmlDeviceGetName(handle), self._nvml.nvmlDeviceGetUUID(handle)
        return Device(index, uuid, name, free, used, total, self._holders(handle))

    def _memory(self, handle: object) -> tuple[int, int, int]:
        """Free, used and all bytes. Version 2 keeps the driver's own reserve out of `used`; zeros where unknown, as
        on chips that share the machine's memory."""
        for version in (self._nvml.nvmlMemory_v2, None):
            try:
                memory = self._nvml.nvmlDeviceGetMemoryInfo(handle, version)
            except self._nvml.NVMLError:
                continue
            return int(memory.free), int(memory.used), int(memory.total)
        return 0, 0, 0

    def _holders(self, handle: object) -> tuple[Holder, ...]:
        nvml = self._nvml
        found: dict[int, Holder] = {}
        for ask in (nvml.nvmlDeviceGetComputeRunningProcesses, nvml.nvmlDeviceGetGraphicsRunningProcesses):
            try:
                processes = ask(handle)
            except nvml.NVMLError:
                continue
            for process in processes:
                used = process.usedGpuMemory
                found[process.pid] = Holder(process.pid, self._name(process.pid), None if used is None else int(used))
        return tuple(found.values())

    def _name(self, pid: int) -> str | None:
        """The program's name without its path and arguments, which may hold secrets; None where it cannot be seen."""
        try:
            text = str(self._nvml.nvmlSystemGetProcessName(pid))
        except (self._nvml.NVMLError, UnicodeDecodeError):
            return None
        words = text.replace("\0", " ").split()
        return PurePath(words[0]).name or None if words and not text.startswith("[") else None
