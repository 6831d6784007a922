"""Which prompts a run has: those of an earlier version's ledger, and texts that are only measured."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict
from typing import Any

import pytest

import scorers
from tests.support.checkpoint_files import write_checkpoint
from tests.support.house import House
from watcher.model import RowKind
from watcher.settings.config import Settings

# A suite as version 0.1.0 wrote it, before prompts had anything but these.
BODY: dict[str, Any] = {
    "context": 100,
    "dtype": "auto",
    "engine_args": "",
    "prompts": [
        {"id": "288e67a1adf5", "reference_chars": 1, "reference_ids": [2], "text": "page 0", "token_ids": [1]},
        {"id": "ff7f16b2c9b7", "reference_chars": 1, "reference_ids": None, "text": "page 1", "token_ids": [1, 3]},
    ],
    "sampling": {"max_tokens": 8192, "n": 1, "seed": 0, "temperature": 0.7, "top_p": 1.0},
    "scorer_version": scorers.versions(),
    "skipped": 0,
    "stop_ids": [0],
    "template_digest": "template",
    "tokenizer": {"template": "", "vocabulary": ""},
}


def request_of_old(house: House, settings: Settings) -> str:
    """The request as that version wrote it."""
    sampling = ("samples", "max_tokens", "temperature", "top_p", "seed", "n")
    names = (*sampling, "system", "chat_template_kwargs", "max_model_len", "dtype", "engine_args")
    asked = {name: getattr(settings, name) for name in names} | {
        "val": hashlib.sha256(house.val.read_bytes()).hexdigest(),
        "chat_template": None,
        "tokenizer": ["None", None],
        "scorers": scorers.versions(),
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]


@pytest.fixture
def upgraded(house: House) -> str:
    """The house's ledger with an earlier version's suite in it; its digest."""
    body = json.dumps(BODY, sort_keys=True)
    digest = hashlib.sha256(body.encode()).hexdigest()[:16]
    house.ledger.keep_suite(request_of_old(house, Settings(samples=2)), digest, body)
    return digest


def test_a_ledger_of_an_earlier_version_goes_on_under_its_own_suite(
    house: House, upgraded: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "uimon")
    for step in (50, 100):
        write_checkpoint(house.root, step)
        house.service(once=True).run()
    assert [e.suite for e in house.ledger.evaluations()] == [upgraded, upgraded]
    assert caplog.text.count("keeps the prompts that an earlier version of uimon rendered") == 2
    assert [row.values["eval/suite"] for row in house.tracker.rows if row.kind is RowKind.EVAL] == [upgraded] * 2


def test_another_request_is_another_suite(house: House, upgraded: str) -> None:
    write_checkpoint(house.root, 50)
    house.service(once=True, val_format="query-response").run()
    (evaluation,) = house.ledger.evaluations()
    assert evaluation.suite != upgraded


def test_a_fresh_ledger_says_nothing_of_earlier_versions(house: House, caplog: pytest.LogCaptureFixture) -> None:
    for step in (50, 100):
        write_checkpoint(house.root, step)
        house.service(once=True).run()
    assert "earlier version" not in caplog.text
    assert len({e.suite for e in house.ledger.evaluations()}) == 1


def test_texts_without_a_prompt_are_measured_and_not_sampled(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "uimon")
    house.val.write_text('{"text": "one"}\n{"text": "two"}\n')
    for step in (50, 100):
        write_checkpoint(house.root, step)
    house.service(once=True).run()
    rows = [row for row in house.tracker.rows if row.kind is RowKind.EVAL]
    assert [row.values["eval/perplexity"] for row in rows] == [pytest.approx(2.718, abs=1e-3)] * 2
    assert rows[0].table is None
    assert not {"eval/samples", "eval/syntax_validity_rate", "eval/color_entropy"} & rows[0].values.keys()
    assert "uimon logs perplexity alone" in caplog.text
    assert "--val-format 'text:MARKER'" in caplog.text
    assert "cannot be compared" not in caplog.text


def test_what_is_sampled_beside_what_is_only_measured(house: House) -> None:
    house.val.write_text('{"text": "one"}\n{"question": "two", "answer": "a"}\n')
    write_checkpoint(house.root, 50)
    house.service(once=True).run()
    (row,) = (row for row in house.tracker.rows if row.kind is RowKind.EVAL)
    assert row.values["eval/samples"] == 1
    assert asdict(house.ledger.evaluations()[0])["metrics"]["eval/perplexity"] is not None
