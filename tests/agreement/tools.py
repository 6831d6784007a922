"""What the reference checks share: finding the reference tools, running them, and counting where they agree with us."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAX_SHOWN = 40


class ToolMissing(Exception):
    """A reference tool is not on this machine; the text says which, and where it comes from."""


@dataclass(slots=True)
class Report:
    """What one check found, as it is printed. `missed` holds a sentence for each target that was not reached."""

    title: str
    lines: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def say(self, line: str = "") -> None:
        """One line of the report."""
        self.lines.append(line)

    def require(self, what: str, value: float, least: float) -> None:
        """A figure and the least that it is to be."""
        reached = value >= least
        self.say(f"{'ok    ' if reached else 'MISSED'} {what}: {value:.4f} (target {least})")
        if not reached:
            self.missed.append(f"{what} is {value:.4f}, below {least}")

    def at_most(self, what: str, value: float, most: float) -> None:
        """A figure and the most that it is to be."""
        reached = value <= most
        self.say(f"{'ok    ' if reached else 'MISSED'} {what}: {value:g} (at most {most:g})")
        if not reached:
            self.missed.append(f"{what} is {value:g}, above {most:g}")


@dataclass(slots=True)
class Confusion:
    """How often a verdict of ours and one of the reference fall together; positive is 'broken' or 'is a utility'."""

    both: int = 0
    ours_only: int = 0
    theirs_only: int = 0
    neither: int = 0
    disagreements: list[str] = field(default_factory=list)

    def add(self, ours: bool, theirs: bool, what: str, weight: int = 1) -> None:
        """One case; `what` names it where the two differ."""
        if ours and theirs:
            self.both += weight
        elif ours:
            self.ours_only += weight
        elif theirs:
            self.theirs_only += weight
        else:
            self.neither += weight
        if ours != theirs:
            self.disagreements.append(f"{'ours only' if ours else 'reference only'}: {what}")

    @property
    def total(self) -> int:
        """Cases counted, by weight."""
        return self.both + self.ours_only + self.theirs_only + self.neither

    @property
    def agreement(self) -> float:
        """Share of the cases in which both say the same; 1 without any case would hide an empty corpus, so 0."""
        return (self.both + self.neither) / self.total if self.total else 0.0

    def show(self, report: Report, name: str) -> None:
        """The matrix and the disagreements."""
        report.say(
            f"{name}: n {self.total}, both {self.both}, ours only {self.ours_only}, reference only "
            f"{self.theirs_only}, neither {self.neither}, agreement {self.agreement:.4f}"
        )
        for line in self.disagreements[:MAX_SHOWN]:
            report.say(f"    {line}")
        if len(self.disagreements) > MAX_SHOWN:
            report.say(f"    … and {len(self.disagreements) - MAX_SHOWN} more")


def need(command: str, where: str) -> str:
    """The path of a program; raises ToolMissing where it is not installed."""
    found = shutil.which(command)
    if found is None:
        raise ToolMissing(f"{command} is not on this machine; {where}.")
    return found


def npm(packages: Mapping[str, str]) -> Path:
    """The `node_modules` in which these packages (name, or alias, to `npm:`-style version) are installed.

    Kept in the user's cache, a directory for each set. Raises ToolMissing without npm or where it cannot install.
    """
    program = need("npm", "it comes with Node.js 18 or newer")
    wanted = json.dumps(dict(sorted(packages.items())))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uimon-agreement"
    home = cache / hashlib.sha256(wanted.encode()).hexdigest()[:12]
    done = home / "installed"
    if not done.exists():
        home.mkdir(parents=True, exist_ok=True)
        (home / "package.json").write_text(json.dumps({"private": True, "dependencies": dict(packages)}))
        command = [program, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
        ended = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise ToolMissing(f"npm could not install {', '.join(packages)}: {ended.stderr.strip()[-500:]}")
        done.write_text(wanted)
    return home / "node_modules"


def versions(node_modules: Path, packages: Iterable[str]) -> str:
    """Name and version of installed packages, for the report."""
    found = ((name, json.loads((node_modules / name / "package.json").read_text())["version"]) for name in packages)
    return ", ".join(f"{name} {version}" for name, version in found)


def run_node(script: Path, node_modules: Path, items: Sequence[Any]) -> list[Any]:
    """What a script of ours answers: it gets one JSON value a line on its input and writes one for each."""
    program = need("node", "install Node.js 18 or newer")
    ended = subprocess.run(
        [program, str(script), str(node_modules)],
        input="".join(json.dumps(item) + "\n" for item in items),
        capture_output=True,
        text=True,
        check=False,
    )
    answers = [json.loads(line) for line in ended.stdout.splitlines()]
    if ended.returncode or len(answers) != len(items):
        raise RuntimeError(f"{script.name} ended with {ended.returncode}: {ended.stderr.strip()[-2000:]}")
    return answers
