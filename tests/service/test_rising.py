"""A slow collapse in a running service: a warning becomes an error, and is told once more."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.service.test_rescoring import earlier, rescore
from tests.service.test_warnings import PAGES, Receiver, Writer, train
from tests.support.house import House
from watcher.alerts import Rule
from watcher.demo.dataset import examples
from watcher.engine.types import Generation, PromptSpec, Sampling
from watcher.results.comparison import best_of

__all__ = ["earlier"]
"""A fixture."""

BROKEN = "```html\n<main><div></main>\n```"


@dataclass
class Losing(Writer):
    """Loses the syntax: after the third checkpoint a third of the pages is broken, after the fifth two thirds."""

    def generate(
        self, prompts: Sequence[PromptSpec], sampling: Sampling, stop_ids: Sequence[int]
    ) -> Iterator[Generation]:
        count = len(self.loaded)
        broken = 0 if count <= 3 else PAGES // 3 if count <= 5 else 2 * PAGES // 3
        for place, generation in enumerate(super().generate(prompts, sampling, stop_ids)):
            yield replace(generation, text=BROKEN) if place < broken else generation


ALONE = {"silence": [rule for rule in Rule if rule is not Rule.VALIDITY_DROPPED]}


def prepare(house: House) -> None:
    lines = (json.dumps({"question": f"page {i}", "answer": e.answer}) for i, e in enumerate(examples(99, PAGES)))
    house.val.write_text("".join(f"{line}\n" for line in lines))
    house.engine = Losing()


def test_it_is_told_once_more_on_every_channel_across_restarts_and_rescoring(
    house: House, tmp_path: Path, earlier: pytest.MonkeyPatch
) -> None:
    prepare(house)
    told = tmp_path / "told"
    command = f'echo "$UIMON_ALERT_RULE $UIMON_ALERT_LEVEL" >> {told}'
    with Receiver() as receiver:
        train(house, (100, 200, 300, 400, 500), webhook=receiver.url, on_alert=command, alerts=ALONE)
        assert [(e["event"], e["level"]) for e in receiver.taken] == [("raised", "warn")]
        train(house, (600,), webhook=receiver.url, on_alert=command, alerts=ALONE)
        train(house, (700,), webhook=receiver.url, on_alert=command, alerts=ALONE)
        earlier.undo()
        rescore(house)
        train(house, (800,), webhook=receiver.url, on_alert=command, alerts=ALONE)
    events = [(e["event"], e["rule"], e["level"], e["step"]) for e in receiver.taken]
    assert events == [("raised", "validity_dropped", "warn", 400), ("risen", "validity_dropped", "error", 400)]
    assert receiver.taken[-1]["key"] == receiver.taken[0]["key"]
    assert receiver.taken[-1]["risen"]["step"] == 600
    assert told.read_text().splitlines() == ["validity_dropped warn", "validity_dropped error"]
    assert [(alert.level, alert.title) for alert in house.tracker.alerts] == [
        ("warn", "The model's code parses less often than before (step 400)"),
        ("error", "Worse: The model's code parses less often than before (step 600)"),
    ]


def test_the_best_checkpoint_is_looked_for_among_those_before_it_was_an_error(house: House) -> None:
    prepare(house)
    train(house, (100, 200, 300, 400, 500, 600), alerts=ALONE)
    chosen = best_of(house.ledger)
    assert chosen is not None
    assert "Left out: step 600 (validity_dropped)." in chosen.sentence
