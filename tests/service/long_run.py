"""A run of thousands of evaluated checkpoints, made quickly, and starts over it.

    python -m tests.service.long_run make PLACE COUNT
    python -m tests.service.long_run restart PLACE     one start, with a checkpoint more; prints its figures as JSON

The service itself evaluates the first ones, with an engine that writes whole pages; the others are put into the ledger
by its own methods with the samples of those, so that suites, sizes and rows are what a run would have left.
"""

from __future__ import annotations

import json
import logging
import random
import struct
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.bench.alert_pages import page, theme
from tests.support.house import House
from tests.support.scripted_engine import ScriptedEngine
from watcher.alerts.stored import Summary, summary_of
from watcher.checkpoints import StepMetadata
from watcher.checkpoints.layouts.huggingface import HUGGING_FACE
from watcher.checkpoints.sources.local import DirectorySource
from watcher.checkpoints.staging.stage import digest_of
from watcher.engine.types import Generation, PromptSpec, Sampling
from watcher.evaluation.evaluate import TableLimits, eval_row
from watcher.ledger.export import Exporter
from watcher.ledger.ledger import Evaluation
from watcher.ledger.rebuild import open_ledger
from watcher.ledger.sightings import Sighting
from watcher.ledger.state_dir import StateDir
from watcher.model import RowKind, Staged, Target, row_uid

SAMPLES = 64
EVALUATED = 16
"""So many are evaluated by the service."""
INTERVAL = 50
LOGGED = 2
"""Rows that the trainer logs between two checkpoints."""
SETTLE_S, IDLE_S = 15.0, 60.0
"""How long a start is left alone after its evaluation, and how long it is then watched doing nothing."""
_TABLE = TableLimits(8, 400_000)


@dataclass
class PageEngine(ScriptedEngine):
    """Writes whole pages, other ones at each checkpoint."""

    pages: dict[int, list[str]] = field(default_factory=dict)

    def generate(
        self, prompts: Sequence[PromptSpec], sampling: Sampling, stop_ids: Sequence[int]
    ) -> Iterator[Generation]:
        drawn = len(self.loaded)
        for made, text in zip(super().generate(prompts, sampling, stop_ids), _pages(drawn), strict=False):
            yield replace(made, text=f"```html\n{text}\n```", tokens=len(text) // 3)


def _pages(variant: int) -> list[str]:
    texts = [_page(number, variant % EVALUATED) for number in range(SAMPLES)]
    # Some do not parse, as of any model.
    return [text.replace("</div>", "", 1) if random.Random(f"{variant} {n}").random() < 0.04 else text
            for n, text in enumerate(texts)]  # fmt: skip


def _page(number: int, variant: int) -> str:
    """A component of about a kilobyte: what is stored of 64 of them takes 200 KB."""
    wanted = theme(number)
    return page(replace(wanted, blocks=wanted.blocks[:1]), variant)


def open_house(place: Path, closing: ExitStack) -> House:
    """The house at `place`, made where it is not there."""
    root, val, state = place / "ckpts", place / "val.jsonl", StateDir(place / "state")
    root.mkdir(parents=True, exist_ok=True)
    state.create()
    if not val.exists():
        asked = [{"question": f"page {i}", "answer": _page(i, 99)} for i in range(SAMPLES)]
        val.write_text("".join(json.dumps(line) + "\n" for line in asked))
    ledger = open_ledger(state, "run", _TABLE, logging.getLogger("uimon").error)
    closing.callback(ledger.close)
    house = House(root, state, ledger, val, engine=PageEngine())
    closing.push(house.closing)
    return house


def save(root: Path, number: int) -> Path:
    """The checkpoint of this number, with the log of all steps up to it."""
    step = number * INTERVAL
    path = root / f"checkpoint-{step}"
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    header = json.dumps({"w": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]}}).encode()
    (path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + struct.pack("<q", step))
    state = {"global_step": step, "max_steps": 10**9, "log_history": _log(number)}
    (path / "trainer_state.json").write_text(json.dumps(state))
    return path


def _log(number: int) -> list[dict[str, float]]:
    steps = range(INTERVAL // LOGGED, number * INTERVAL + 1, INTERVAL // LOGGED)
    return [
        {"epoch": s / 1000, "grad_norm": 1.25, "learning_rate": 2e-5, "loss": 2.0 + 1 / s, "step": s} for s in steps
    ]


def make(place: Path, count: int) -> None:
    """A run of `count` evaluated checkpoints, all of it in W&B."""
    with ExitStack() as closing:
        house = open_house(place, closing)
        for number in range(1, EVALUATED + 1):
            save(house.root, number)
        house.service(once=True, samples=SAMPLES).run()
        house.ledger._db.execute("PRAGMA synchronous = OFF")
        drawn = [replace(e, samples=house.ledger.samples(e.uid)) for e in house.ledger.evaluations()]
        summaries = [summary_of(evaluation) for evaluation in drawn]
        for number in range(EVALUATED + 1, count + 1):
            with house.ledger.change():
                _evaluated(house, number, drawn[number % EVALUATED], summaries[number % EVALUATED])
        Exporter(house.ledger, house.state).export()
        outbox = house.ledger.outbox(Target.RUN)
        outbox.rows_published([row.uid for row in outbox.due_rows(-1)])


def _evaluated(house: House, number: int, drawn: Evaluation, summary: Summary | None) -> None:
    path = save(house.root, number)
    source = DirectorySource(path.parent, None)  # type: ignore[arg-type]
    (found,) = source._changed([StepMetadata(number * INTERVAL, path.name, path, HUGGING_FACE)])
    ledger = house.ledger
    record = ledger.observe(found, "run", 1e9 + number * 600)
    assert record is not None
    record = ledger.staged(record, Staged(path, digest_of(path)))
    assert record is not None
    record = ledger.begin(record)
    assert record is not None
    uid = row_uid(RowKind.EVAL, "run", record.step, record.digest or "", drawn.suite)
    metrics = {**drawn.metrics, "eval/perplexity": 3 + 20 / number + random.Random(number).gauss(0, 0.01)}
    made = replace(
        drawn, uid=uid, step=record.step, name=record.name, digest=record.digest or "", at=1e9 + number * 600 + 60,
        metrics=metrics,
    )  # fmt: skip
    ledger.evaluated(record, made, eval_row(made, _TABLE), summary)
    seen = Sighting(record.name, record.step, source.mark(path.name), path.stat().st_mtime, "t", 25, record.step)
    ledger.sightings().keep([seen])


def restart(place: Path) -> dict[str, float]:
    """One start of the service with a new checkpoint in its directory, until it has been idle for `IDLE_S`.

    Seconds from the opening of the ledger, by the clock and of a core; MiB of resident memory; the part of a core that
    the idle service takes; seconds that it takes to stop.
    """
    with ExitStack() as closing:
        began, busy = time.perf_counter(), time.process_time()
        house = open_house(place, closing)
        opened = time.perf_counter() - began
        save(house.root, 1 + len(list(house.root.iterdir())))
        service = house.service(samples=SAMPLES, poll=5.0)
        thread = threading.Thread(target=service.run)
        thread.start()
        while not house.engine.loaded:
            time.sleep(0.01)
        found = {
            "opened s": opened,
            "first evaluation s": time.perf_counter() - began,
            "first evaluation core s": time.process_time() - busy,
        }
        time.sleep(SETTLE_S)
        found |= {"memory MiB": _memory("VmRSS")}
        since, busy = time.perf_counter(), time.process_time()
        time.sleep(IDLE_S)
        found["idle core"] = (time.process_time() - busy) / (time.perf_counter() - since)
        since = time.perf_counter()
        service.stop()
        thread.join()
        found |= {"stop s": time.perf_counter() - since, "memory peak MiB": _memory("VmHWM")}
        return {name: round(value, 4) for name, value in found.items()}


def _memory(name: str) -> float:
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        json.dump(restart(Path(sys.argv[2])), sys.stdout)
