"""The live display: what it reads, and when it is drawn again."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, ConsoleDimensions

from watcher.evaluation.evaluate import Progress
from watcher.ledger.checkpoint_status import CheckpointStatus
from watcher.ledger.ledger import Ledger
from watcher.model import Checkpoint, Condition, FileStamp
from watcher.output.terminal import Terminal
from watcher.report.columns import Cell, Column, Columns
from watcher.report.live import Display
from watcher.service.board import Board


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "ledger.sqlite3")
    yield made
    made.close()


def seen(ledger: Ledger, step: int) -> None:
    files = (FileStamp("model.safetensors", step, step, step),)
    name = f"checkpoint-{step}"
    ledger.observe(Checkpoint(name, Path("/c") / name, step, Condition.COMPLETE, files=files), "run")


def shown(display: Display) -> str:
    console = Console(file=io.StringIO(), width=100, record=True)
    console.print(display.render())
    return console.export_text()


def test_what_has_not_changed_is_neither_read_nor_drawn_again(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Any] = []
    status = Ledger.status

    def counted(self: Ledger, last: int | None = None) -> list[CheckpointStatus]:
        reads.append(last)
        return status(self, last)

    monkeypatch.setattr(Ledger, "status", counted)
    for step in range(50, 5050, 50):
        seen(ledger, step)
    console = Terminal(file=io.StringIO())
    console.size = ConsoleDimensions(80, 20)
    board, display = Board(lambda: 0.0), Display("run", Path("/c"), console)
    with display.following(ledger, board):
        moment = display.moment
        assert "100 waiting" in shown(display)
        assert "5000" in shown(display)
        assert (display.moment, reads) == (moment, [20])
        seen(ledger, 5050)
        assert display.moment != moment
        assert "5050" in shown(display)
        assert reads == [20, 20]
        board.progress(Progress(5050, "generate", 1, 64))
        moment = display.moment
        board.progress(Progress(5050, "generate", 2, 64))
        assert display.moment != moment
        assert "2/64" in shown(display)
        assert reads == [20, 20]
    assert display.moment is None


def test_another_process_s_change_is_seen(ledger: Ledger) -> None:
    seen(ledger, 50)
    before = ledger.changes
    other = Ledger(ledger.path)
    seen(other, 100)
    other.close()
    assert ledger.changes != before


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (40, "  50  failed (weights_incomplete)  0.9"),
        (30, "  50  failed (weights_in…  0.9"),
        (12, "  50  fail…"),
    ],
)
def test_columns_are_cut_where_the_terminal_is_narrow(width: int, line: str) -> None:
    columns = [Column("step", right=True), Column("state", elastic=True), Column("ppl", right=True)]
    table = Columns(columns, [[Cell("50"), Cell("failed (weights_incomplete)", "bold red"), Cell("0.9")]])
    console = Console(file=io.StringIO(), width=width, record=True)
    console.print(table)
    lines = console.export_text().splitlines()
    assert lines[1].rstrip() == line
    assert all(len(text) <= width for text in lines)
