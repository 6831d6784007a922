"""Docker or podman, whichever is here, with its compose: the few things that the proofs ask of them."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
DOCKER: Final = ROOT / "docker"

# How to list them and how to remove them, and what is between the project and their own name.
_CONTAINERS: Final = (("ps", "--all", "--format", "{{.Names}}"), ("rm",), "-")
_VOLUMES: Final = (("volume", "ls", "--format", "{{.Name}}"), ("volume", "rm"), "_")


class NotProven(Exception):
    """What should hold does not; the message says what was found."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A container engine that answers, and its compose."""

    name: str
    compose: tuple[str, ...]

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`docker ARGUMENTS`; raises NotProven where it fails and `check` asks for success."""
        return call([self.name, *arguments], check=check)

    def inspect(self, name: str) -> dict[str, Any]:
        """What the engine knows of a container or an image."""
        found: list[dict[str, Any]] = json.loads(self.run("inspect", name).stdout)
        return found[0]

    def build(self, tag: str, base: str, extra: Sequence[str]) -> None:
        """Build the image; what the builder says goes to this terminal."""
        kind = ["--format", "docker"] if self.name == "podman" else []
        command = [self.name, "build", *kind, "--build-arg", f"BASE={base}", *extra]
        done = subprocess.run([*command, "--file", str(DOCKER / "Dockerfile"), "--tag", tag, str(ROOT)], check=False)
        if done.returncode != 0:
            raise NotProven(f"the image cannot be built (exit code {done.returncode}).")

    def inside(self, image: str, script: str, *options: str) -> str:
        """What a shell script says in a fresh container of `image`."""
        return self.run("run", "--rm", *options, "--entrypoint", "/bin/sh", image, "-c", script).stdout.strip()

    def log(self, container: str) -> str:
        """What a container said so far, in all its lives."""
        done = self.run("logs", container)
        return done.stdout + done.stderr

    def state(self, container: str) -> tuple[str, int]:
        """A container's state (`running`, `exited`, …) and exit code."""
        found = self.inspect(container)["State"]
        return str(found["Status"]), int(found["ExitCode"])

    def remove(self, project: str) -> None:
        """Remove the containers and volumes of a compose project that some earlier run left."""
        # Twice: a container whose network others share goes only after them.
        for listing, command, mark in (_CONTAINERS, _CONTAINERS, _VOLUMES):
            names = self.run(*listing).stdout.split()
            if own := [name for name in names if name.startswith(project + mark)]:
                self.run(*command, "--force", *own, check=False)


@dataclass(frozen=True, slots=True)
class Project:
    """Some compose files with their variables, as a project of this name."""

    engine: Engine
    name: str
    files: tuple[Path, ...]
    variables: Mapping[str, str] = field(default_factory=dict)

    def up(self, *services: str) -> None:
        """Create and start services in the background."""
        self("up", "--detach", *services)

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        files = [part for path in self.files for part in ("--file", str(path))]
        command = [*self.engine.compose, "--project-name", self.name, *files, *arguments]
        return call(command, environment=self.variables)


def find_engine() -> Engine | None:
    """The engine that answers: docker with its compose, else podman with podman-compose; None where there is neither.

    A docker client without a daemon is none. COMPOSE names another compose, such as one that is not in PATH.
    """
    named = tuple(shlex.split(os.environ.get("COMPOSE", "")))
    if _answers("docker", "info") and _answers(*(named or ("docker", "compose")), "version"):
        return Engine("docker", named or ("docker", "compose"))
    if _answers("podman", "info") and _answers(*(named or ("podman-compose",)), "version"):
        return Engine("podman", named or ("podman-compose",))
    return None


def _answers(*command: str) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0


def call(
    command: Sequence[str], environment: Mapping[str, str] | None = None, *, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """A command's outcome; raises NotProven with its last words where it fails and `check` asks for success."""
    variables = {**os.environ, **(environment or {})}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=1800, check=False)
    if check and done.returncode != 0:
        last = (done.stderr or done.stdout).strip()[-2000:]
        raise NotProven(f"`{shlex.join(command)}` ended with exit code {done.returncode}: {last}")
    return done


def wait_until(what: str, true: Callable[[], bool], seconds: float = 900.0) -> None:
    """Ask twice a second until it is `true`. Raises NotProven where that takes too long."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise NotProven(f"waited {seconds:.0f} s in vain: {what}.")
        time.sleep(0.5)


def require(condition: object, sentence: str) -> None:
    """Raises NotProven with the sentence where the condition does not hold."""
    if not condition:
        raise NotProven(sentence)
