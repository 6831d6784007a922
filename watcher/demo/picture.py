"""Draws the live display of a finished demo as an SVG: `python -m watcher.demo.picture STATE_DIR PICTURE.svg`."""

from __future__ import annotations

import io
import re
import sys
import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from watcher.evaluation.evaluate import Progress
from watcher.ledger.ledger import Ledger
from watcher.ledger.state_dir import StateDir
from watcher.model import State
from watcher.report.terminal import live_panel
from watcher.service.board import Snapshot

WIDTH = 92


def draw(state: StateDir) -> str:
    """The display as it was while the last checkpoint was evaluated; the metrics are the ledger's."""
    ledger = Ledger(state.ledger, read_only=True)
    rows = ledger.status()
    last = rows[-1]
    rows[-1] = replace(last, state=State.EVALUATING, metrics={}, published="no")
    samples = int(last.metrics["eval/samples"] or 0)
    now = time.monotonic()
    snapshot = Snapshot(Progress(last.step, "generate", samples * 2 // 3, samples), since=now - 1)
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    run = ledger.recall("run") or "run"
    console.print(live_panel(run, "./ckpts", rows, ledger.standing(), snapshot, now, height=40))
    ledger.close()
    # The font that rich names would be fetched from the network by whoever looks at the picture.
    return re.sub(r"@font-face \{.*?\}", "", console.export_svg(title="uimon watch ./ckpts"), flags=re.DOTALL)


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(draw(StateDir(Path(sys.argv[1]))))
