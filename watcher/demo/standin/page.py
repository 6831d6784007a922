"""The pages a person sees who opens a run's URL on the stand-in: plain tables, every value escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape

from watcher.demo.standin.store import JsonObject, RunRecord

MAX_ROWS = 200
MAX_CELL = 600
_EVAL_FIRST = ("train/global_step", "eval/uid")
_STYLE = """
body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#1c1c1c;background:#fff}
.note{background:#fff3c4;border:1px solid #e0b400;padding:.6rem 1rem;font-weight:600}
table{border-collapse:collapse;margin:1rem 0;display:block;overflow-x:auto}
td,th{border:1px solid #ccc;padding:.25rem .5rem;text-align:left;vertical-align:top}
td pre{margin:0;white-space:pre-wrap;max-width:60ch;max-height:20rem;overflow:auto}
"""


def runs_page(runs: Iterable[RunRecord]) -> str:
    """The list of all runs, with links to their pages."""
    rows = [
        f'<tr><td><a href="{escape(_run_link(run))}">{escape(run.path)}</a></td><td>{escape(run.state)}</td>'
        f"<td>{len(run.history)}</td></tr>"
        for run in runs
    ]
    table = f"<table><tr><th>run</th><th>state</th><th>history lines</th></tr>{''.join(rows)}</table>"
    return _document("Runs", table if rows else "<p>No run was started yet.</p>")


def run_page(run: RunRecord) -> str:
    """One run: its state, the newest evaluation rows, and the newest table of samples."""
    eval_rows = [row for row in run.history if any(key.startswith("eval/") for key in row)]
    columns = _columns(eval_rows[-MAX_ROWS:])
    body = [
        f"<p>State: <b>{escape(run.state)}</b>. {len(run.history)} history lines, {len(eval_rows)} of them evaluations"
        f"{'' if len(eval_rows) <= MAX_ROWS else f'; the newest {MAX_ROWS} are shown'}.</p>",
        _table(columns, [[row.get(column) for column in columns] for row in reversed(eval_rows[-MAX_ROWS:])]),
        _newest_samples(run, eval_rows),
    ]
    return _document(run.path, "".join(body))


def missing_page(path: str) -> str:
    """What is shown for a path at which there is nothing."""
    return _document("Not found", f"<p>Nothing is known about <code>{escape(path)}</code>.</p>")


def _run_link(run: RunRecord) -> str:
    return f"/{run.entity}/{run.project}/runs/{run.name}"


def _columns(rows: Sequence[JsonObject]) -> list[str]:
    present = {key for row in rows for key, value in row.items() if not isinstance(value, dict)}
    wanted = {key for key in present if key.startswith("eval/")}
    first = [key for key in _EVAL_FIRST if key in present]
    return first + sorted(wanted - set(first))


def _newest_samples(run: RunRecord, eval_rows: Sequence[JsonObject]) -> str:
    for row in reversed(eval_rows):
        for key, value in row.items():
            content = run.files.get(value.get("path", "")) if isinstance(value, dict) else None
            if content is None:
                continue
            table = json.loads(content)
            step = row.get("train/global_step")
            return f"<h2>{escape(key)}, step {escape(str(step))}</h2>{_table(table['columns'], table['data'])}"
    return ""


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{escape(str(column))}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>" if columns else ""


def _cell(value: object) -> str:
    if value is None:
        return "<td></td>"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    shown = text if len(text) <= MAX_CELL else text[:MAX_CELL] + " …"
    return f"<td><pre>{escape(shown)}</pre></td>" if "\n" in shown or len(shown) > 60 else f"<td>{escape(shown)}</td>"


def _document(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}: local stand-in</title>'
        f"<style>{_STYLE}</style></head><body>"
        f'<p class="note">local stand-in, not W&amp;B: this page is served by uimon on this machine</p>'
        f"<h1>{escape(title)}</h1>{body}</body></html>"
    )
