"""What goes over the wire to a W&B session and comes back, one example of each message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

import pytest

from tests.golden.comparing import assert_same_json
from tests.golden.subjects import (
    JOB_TYPE,
    OWN_KEY,
    Alert,
    AlertLevel,
    LoggedStep,
    Mark,
    Move,
    PublishPlan,
    PublishResult,
    Reason,
    Row,
    RowKind,
    RunFacts,
    RunRef,
    Seen,
    Sending,
    Table,
    TableLimits,
    Target,
    content,
    decode_alert,
    decode_mark,
    decode_move,
    decode_order,
    decode_result,
    decode_row,
    decode_seen,
    decode_steps,
    definitions,
    description,
    encode_alert,
    encode_mark,
    encode_row,
    encode_seen,
    encode_steps,
    error_message,
    eval_row,
    load_ledger,
    published_message,
    publishing,
)

REF = RunRef("entity", "project", "run", "https://api.wandb.ai")
ROW = Row(
    "02f7b27ee42db37948fc",
    RowKind.EVAL,
    50,
    {"train/global_step": 50, "eval/uid": "02f7b27ee42db37948fc", "eval/perplexity": 3.25, "eval/color_entropy": None},
    Table(("step", "generated_code"), ((50, "<p>ü \x1b[31m \ud800"), (50, None))),
    mark=7,
    attempts=2,
    sent=Sending(1_700_000_000.0, 1_700_000_060.0, 1),
)
PLAIN = Row("0be8032bd83ef3b0b395", RowKind.TRAIN, 5, {"train/global_step": 5, "train/perplexity": 1.5})
ALERT = Alert("failed/checkpoint-50/aa/non_finite", AlertLevel.WARN, "Title\x1b", "First line.\nSecond line.")
RESULT = PublishResult(
    (ROW.uid,),
    Reason.UNCONFIRMED,
    "A sentence.",
    "https://wandb.ai/entity/project/runs/run",
    {ROW.uid: 2},
    (ALERT.key,),
    (PLAIN.uid,),
    (PLAIN.uid,),
    ("other",),
    True,
    True,
)
STEPS = [LoggedStep(5, 1.5, 0.25, 1e-5), LoggedStep(6, 1.25)]
MARK = Mark("me", "host", 3, free=False)


def carried(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message as the other side reads it."""
    read: dict[str, Any] = json.loads(json.dumps(message))
    return read


def test_rows_and_alerts() -> None:
    assert decode_row(carried(encode_row(PLAIN))) == PLAIN
    assert decode_row(carried(encode_row(ROW))).sent == ROW.sent
    assert decode_alert(carried(encode_alert(ALERT))).key == ALERT.key
    messages = {"row": encode_row(ROW), "plain row": encode_row(PLAIN), "alert": encode_alert(ALERT)}
    assert_same_json("wire/rows", carried(messages))


def test_orders() -> None:
    full = PublishPlan(Target.COMPANION, "deferred", survey=True, hold=True, lost=True, now=5.0, check=True, claim="me")
    for order in (PublishPlan(), full):
        assert decode_order(carried(asdict(order))) == order
    assert_same_json("wire/orders", [carried(asdict(order)) for order in (PublishPlan(), full)])


def test_answers() -> None:
    for message in (published_message(RESULT), published_message(PublishResult(()))):
        assert carried(published_message(decode_result(carried(message)))) == carried(message)
    error = error_message(Reason.WANDB_REFUSED, "A sentence.", "https://wandb.ai/x")
    assert decode_result(carried(error)).waiting is Reason.WANDB_REFUSED
    assert decode_steps(carried(encode_steps(STEPS))) == STEPS
    messages = [published_message(RESULT), published_message(PublishResult(())), error, encode_steps(STEPS)]
    assert_same_json("wire/answers", [carried(message) for message in messages])


def test_marks() -> None:
    moves = [Move("me", 10.0), Move("me", 10.0, MARK), Move("me", 10.0, release=True)]
    seen = [Seen(MARK), Seen(Mark(), late=True), None]
    assert [decode_move(carried(asdict(move))) for move in moves] == moves
    assert [decode_seen(carried(encode_seen(one))) for one in seen] == seen
    assert decode_mark(carried(encode_mark(MARK))) == MARK
    assert_same_json(
        "wire/marks", carried({"moves": [asdict(m) for m in moves], "seen": [encode_seen(s) for s in seen]})
    )


class Scripted:
    """In the place of a session: it hears what it is asked, and answers what it is to."""

    def __init__(self, *_: object) -> None:
        self.answers: dict[str, list[dict[str, Any]]] = {
            "inspect": [{"event": "facts", **asdict(RunFacts(True, "running"))}],
            "steps": [encode_steps(STEPS)],
            "claim": [encode_seen(Seen(MARK))],
            "end": [{"event": "end", "done": True}],
            "publish": [
                {"event": "left", "state": "finished"},
                {"event": "mark", "position": 9, "uids": [ROW.uid, PLAIN.uid]},
                published_message(RESULT),
            ],
        }
        self.due: list[Any] = []
        self.timed_out = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left of it."""

    def send(self, message: Mapping[str, Any]) -> None:
        """What the parent says."""
        HEARD.append(carried(message))
        self.due += self.answers.get(message.get("task", ""), [])

    def receive(self) -> dict[str, Any] | None:
        """The next answer."""
        message = carried(self.due.pop(0))
        HEARD.append(message)
        return message


HEARD: list[dict[str, Any]] = []


def test_what_is_said_to_a_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "SessionProcess", Scripted)
    HEARD.clear()
    left: list[str] = []
    marks: list[tuple[list[str], int]] = []
    publisher = publishing.WandbPublisher(REF, tmp_path, environ={}, on_left=left.append)
    publishing.inspect_run(REF, environ={}, search=True)
    publishing.logged_steps(REF, environ={})
    publisher.move(Move("me", 10.0, MARK))
    assert publisher.end("finished", 5.0)
    order = PublishPlan(now=1_700_000_100.0)
    result = publisher.publish(
        [ROW, replace(PLAIN, mark=None)], [ALERT], order, lambda uids, position: marks.append((list(uids), position))
    )
    assert (left, result.delivered) == (["finished"], RESULT.delivered)
    assert_same_json("wire/session", {"lines": HEARD, "marks that were committed": marks})


class Joined:
    """In the place of a run that was joined: it keeps the definitions that are made."""

    def __init__(self) -> None:
        self.defined: list[tuple[Any, ...]] = []

    def define_metric(self, name: str, **options: object) -> None:
        """One definition."""
        self.defined.append((name, options))


def test_what_is_defined_in_a_run() -> None:
    config = {"_wandb": {"m": [{"1": "step", "6": [3]}, {"2": "loss/*", "5": 1, "6": [1], "7": [1]}]}}
    found = {}
    for name, known in (("Hugging Face's", {}), ("the trainer's own", config)):
        run: Any = Joined()
        definitions.repeat(run, definitions.of_config(known))
        found[name] = run.defined
    assert_same_json("wire/definitions", found)


def test_what_is_logged_into_a_run(tmp_path: Path) -> None:
    with closing(load_ledger(6, tmp_path)) as ledger:
        made = ledger.evaluations()[0]
        row = eval_row(replace(made, samples=ledger.samples(made.uid)), TableLimits(8, 1_000_000), ())
        short = eval_row(replace(made, samples=ledger.samples(made.uid)), TableLimits(8, 150), ())
    plain = {"keys": list(content.of_row(row)), "values": content.of_row(replace(row, table=None))}
    alert = content.title_of(ALERT)
    assert_same_json("wire/logged", {"row": row, "table cut": short.table, "logged": plain, "title of an alert": alert})


def test_the_run_of_its_own() -> None:
    facts = RunFacts(True, "running", url="https://wandb.ai/entity/project/runs/run", path="entity/project/run")
    own = {
        "ids": [REF.companion(number).run_id for number in (1, 2, 5)],
        "id of a long one": replace(REF, run_id="x" * 128).companion(2).run_id,
        "key of its configuration": OWN_KEY,
        "job type": JOB_TYPE,
        "description": description(REF, replace(facts, title="title")),
    }
    assert_same_json("wire/own_run", own)
