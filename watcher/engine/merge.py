"""The parent's side of a merge: an adapter goes into its base in a process of its own (`merging`), which ends with us.

On the CPU only: the engine keeps the GPU, and its memory, for itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

from watcher.engine.environment import host_environment
from watcher.engine.process import new_log
from watcher.engine.types import EngineSettings
from watcher.model import Reason, UimonError

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
        self._process: subprocess.Popen[bytes] | None = None
        self._interrupted = False
        # Between the start of the process and its being known here, an interruption would miss it.
        self._lock = threading.Lock()

    def run(self) -> None:
        """Merge, and wait for the end of it.

        Raises `UimonError`: `disk_full` before anything is read, `adapter_unsupported` and `weights_refused` as
        `check_adapter` does and where PEFT does not take every tensor, `non_finite`, `engine_missing` without PEFT,
        `engine_timeout`, `engine_died`, `interrupted`.
        """
        _, adapter, target = self._directories
        target.parent.mkdir(parents=True, exist_ok=True)
        self._check_room(target.parent)
        log = new_log(self._settings.log_dir, "merge")
        # Written beside its place and moved there when it is whole.
        partial = target.with_name(f"{target.name}.partial")
        try:
            said = self._ask(partial, log)
            if said is None:
                raise self._died(adapter, log)
            if said:
                raise UimonError(Reason(said["reason"]), said["sentence"])
            partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def interrupt(self) -> None:
        """Kill the process, and have `run` raise `interrupted`."""
        with self._lock:
            self._interrupted = True
            self._kill()

    def _ask(self, partial: Path, log: Path) -> dict[str, str] | None:
        """What the process answered: nothing amiss is empty, no answer is None. It has ended when this returns."""
        base, adapter, _ = self._directories
        settings = self._settings
        command = [sys.executable, "-P", "-m", "watcher.engine.host.merging", str(base), str(adapter), str(partial)]
        environment = host_environment({"CUDA_VISIBLE_DEVICES": ""}, settings.state_dir / "cache")
        with self._lock, log.open("ab") as errors:
            self._require_uninterrupted()
            self._process = subprocess.Popen(
                [*command, "--nice", str(settings.nice)],
                env=environment,
                # Nothing is ever written into it. The process ends when it reads that this end is gone.
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        with self._process as process:
            try:
                process.wait(self._seconds)
            except subprocess.TimeoutExpired as error:
                raise UimonError(
                    Reason.ENGINE_TIMEOUT,
                    f"{adapter}: merging the adapter took more than {self._seconds:.0f} s and was ended; see {log}.",
                ) from error
            finally:
                with self._lock:
                    self._kill()
            self._require_uninterrupted()
            assert process.stdout is not None
            answer: dict[str, str] | None = json.loads(process.stdout.read() or "null")
            return answer

    def _kill(self) -> None:
        """Kill the process and what it may have started, unless it has ended."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

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

    def _died(self, adapter: Path, log: Path) -> UimonError:
        assert self._process is not None
        code = self._process.returncode
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        # In fp32 the base has twice the bytes of its files, which are of 16 bits as a rule.
        needed = 2 * self._size / 1e9
        return UimonError(
            Reason.ENGINE_DIED,
            f"{adapter}: the process that merges the adapter {how}; see {log}. It needs about {needed:.0f} GB of "
            "memory for the base in fp32.",
        )
