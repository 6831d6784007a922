"""How `watcher.doctor.checks` touches the world: vLLM imported in a process of its own, and file events asked for."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

from watcher.checkpoints import DirectoryWaker
from watcher.doctor.checks import EngineFacts, EngineProblem
from watcher.engine.environment import engine_variables

IMPORT_TIMEOUT_S = 180.0
"""Importing vLLM takes some 15 s, on a busy machine with a cold disk several times that."""


def try_events(root: Path) -> str | None:
    """A sentence where file events for `root` are not to be had, by asking for them; else None."""
    said: list[str] = []
    with DirectoryWaker(root, said.append) as waker:
        waker.wait(0)
    return said[0] if said else None


_IMPORT = """
import json, sys
import torch, vllm
from vllm import LLM
from vllm.platforms import current_platform
print(json.dumps([vllm.__version__, torch.__version__, current_platform.device_type]))
"""


def probe_engine(python: str = sys.executable, timeout: float = IMPORT_TIMEOUT_S) -> EngineFacts:
    """Imports vLLM in another process, as the engine will. Raises EngineProblem where that fails."""
    install = "Run `pip install 'uimon[gpu]'`, or `pip install 'uimon[cpu]'` without a GPU."
    if python == sys.executable and importlib.util.find_spec("vllm") is None:
        raise EngineProblem("vLLM is not installed here.", install)
    environment = {**engine_variables(os.environ), "VLLM_LOGGING_LEVEL": "ERROR", "VLLM_NO_USAGE_STATS": "1"}
    try:
        done = subprocess.run(
            [python, "-c", _IMPORT], capture_output=True, text=True, timeout=timeout, check=False, env=environment
        )
    except subprocess.TimeoutExpired:
        step = "Look at the load of the machine and its disk, and try again."
        raise EngineProblem(f"Importing vLLM did not end within {timeout:.0f} s.", step) from None
    except OSError as error:
        raise EngineProblem(f"{python} cannot be run ({error.strerror}).", "Check the installation.") from None
    if done.returncode != 0:
        # The last line of a traceback is the error itself.
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise EngineProblem(f"vLLM cannot be imported: {last[:300]}", f"Repair the installation. {install}")
    try:
        vllm, torch, device = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise EngineProblem("vLLM was imported but did not report its version.", "Reinstall it.") from None
    return EngineFacts(str(vllm), str(torch), str(device) or "unknown")
