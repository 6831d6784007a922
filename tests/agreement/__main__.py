"""Compares the scorers with the tools that decide: `python -m tests.agreement [html] [jsx] [tailwind] …`.

Labels come from the reference tools, never from us. Ends with 1 where a target is missed, with 3 where a reference tool
is missing. Each check is a module `check_<name>.py` with a function `check(report)`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from tests.agreement.tools import Report, ToolMissing

NAMES = sorted(path.stem.removeprefix("check_") for path in Path(__file__).parent.glob("check_*.py"))


def main(asked: list[str]) -> int:
    """Run the checks named, all without a name."""
    if unknown := set(asked) - set(NAMES):
        print(f"There is no check called {', '.join(sorted(unknown))}; there are: {', '.join(NAMES)}.")
        return 2
    missed: list[str] = []
    missing: list[str] = []
    for name in asked or NAMES:
        report = Report(name)
        print(f"== {name} ==", flush=True)
        try:
            import_module(f"tests.agreement.check_{name}").check(report)
        except ToolMissing as error:
            missing.append(f"{name} was not checked: {error}")
        print("\n".join(report.lines), flush=True)
        missed += [f"{name}: {sentence}" for sentence in report.missed]
    for sentence in (*missed, *missing):
        print(sentence)
    return 1 if missed else 3 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
