"""The parent's side of a merge: an adapter goes into its base in a process of its own (`merging`), which ends with us.

On the CPU only: the engine keeps the GPU, and its memory, for itself.
"""

from __future__ import annotations

import shutil
import signal
import threading
from pathlib import Path

from watcher.engine.environment import host_environment
from watcher.engine.logs import new_log
from watcher.engine.types import EngineSettings
from watcher.model import Reason, UimonError
from watcher.system.child import Child

# The base is read, its sum with the adapter computed, and the result written.
_PASSES = 3


class Merge:
    """One merge of the adapter in `adapter` into the full model in `base`, whose weights have `size` bytes.

    `run` leaves the result in `target`, as a full checkpoint of the base's types, or nothing. `interrupt` is for
    another thread, at any time.
    """

    def __init__(self, base: Path, adapter: Path, target: Path, settings: EngineSettings, size: int) -> None:
        self._directories = base, adapter, target
        self._settings = settings
        self._size = size
        self._seconds = settings.deadlines.load(settings.deadlines.cold, _PASSES * size)
        self._child: Child | None = None
        self._interrupted = False
        # Between the start of the process and its being known here, an interruption would miss it.
        self._lock = threading.Lock()

    def run(self) -> None:
        """Merge, and wait for the end of it.

        Raises `UimonError`: `disk_full` before anything is read, `adapter_unsupported` and `weights_refused` as
        `check_adapter` does and where PEFT does not take every tensor, `non_finite`, `engine_missing` without PEFT,
        `engine_timeout`, `engine_died`, `interrupted`.
        """
        target = self._directories[2]
        target.parent.mkdir(parents=True, exist_ok=True)
        self._check_room(target.parent)
        log = new_log(self._settings.log_dir, "merge")
        # Written beside its place and moved there when it is whole.
        partial = target.with_name(f"{target.name}.partial")
        try:
            if said := self._ask(partial, log):
                raise UimonError(Reason(said["reason"]), said["sentence"])
            partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def interrupt(self) -> None:
        """Kill the process, and have `run` raise `interrupted`."""
        with self._lock:
            self._interrupted = True
            if self._child is not None:
                self._child.interrupt()

    def _ask(self, partial: Path, log: Path) -> dict[str, str]:
        """What the process answered; nothing amiss is empty. It has ended when this returns."""
        base, adapter, _ = self._directories
        settings = self._settings
        arguments = ["--nice", str(settings.nice), str(base), str(adapter), str(partial)]
        environment = host_environment({"CUDA_VISIBLE_DEVICES": ""}, settings.state_dir / "cache")
        with self._lock, log.open("ab") as output:
            self._require_uninterrupted()
            child = Child("watcher.engine.host.merging", arguments, output=output, environment=environment)
            self._child = child
        try:
            said = child.lines.receive_object(self._seconds)
        except TimeoutError as error:
            raise UimonError(
                Reason.ENGINE_TIMEOUT,
                f"{adapter}: merging the adapter took more than {self._seconds:.0f} s and was ended; see {log}.",
            ) from error
        except (EOFError, OSError) as error:
            self._require_uninterrupted()
            raise self._died(child, adapter, log) from error
        finally:
            child.end()
        self._require_uninterrupted()
        return said

    def _require_uninterrupted(self) -> None:
        if self._interrupted:
            raise UimonError(Reason.INTERRUPTED, "The merge was told to stop.")

    def _check_room(self, place: Path) -> None:
        """Refuse to start what would end with a full disk."""
        free = shutil.disk_usage(place).free
        if free < self._size:
            raise UimonError(
                Reason.DISK_FULL,
                f"{place}: merging an adapter into its base needs {self._size / 1e9:.1f} GB here and {free / 1e9:.1f} "
                "GB are free; make room, or choose another --state-dir.",
            )

    def _died(self, child: Child, adapter: Path, log: Path) -> UimonError:
        # Its socket closes a moment before its status can be read.
        code = child.exit_status(1.0) or 0
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        # In fp32 the base has twice the bytes of its files, which are of 16 bits as a rule.
        needed = 2 * self._size / 1e9
        return UimonError(
            Reason.ENGINE_DIED,
            f"{adapter}: the process that merges the adapter {how}; see {log}. It needs about {needed:.0f} GB of "
            "memory for the base in fp32.",
        )
