"""Early warnings of a running service: raised once, passed on, over again; whatever fails, the service goes on."""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkpoint_files import write_checkpoint
from tests.support.house import House
from tests.support.scripted_engine import ScriptedEngine
from watcher.alerts import Rule
from watcher.alerts.delivery import Webhook
from watcher.cli.status import run_status
from watcher.demo.dataset import Collapse, collapsed, examples
from watcher.engine.types import Generation, PromptSpec, Sampling
from watcher.evaluation.evaluate import TableLimits
from watcher.ledger.rebuild import open_ledger
from watcher.model import AlertLevel, RowKind
from watcher.results.evidence import warnings_with_samples
from watcher.service.notifiers import Channels

PAGES = 64


@dataclass
class Writer(ScriptedEngine):
    """Answers with the demo's pages: varied ones, and all in blue once so many checkpoints were loaded."""

    blue_after: int = 10**9
    healed_after: int = 10**9

    def generate(
        self, prompts: Sequence[PromptSpec], sampling: Sampling, stop_ids: Sequence[int]
    ) -> Iterator[Generation]:
        count = len(self.loaded)
        rng = random.Random(count)
        for prompt, example in zip(prompts, examples(count, len(prompts)), strict=True):
            sick = self.blue_after < count <= self.healed_after
            page = collapsed(example, Collapse.BLUE, rng) if sick else example
            yield Generation(prompt.id, 0, page.answer, 12, "stop")


@pytest.fixture
def engine(house: House) -> Writer:
    lines = (json.dumps({"question": f"page {i}", "answer": e.answer}) for i, e in enumerate(examples(99, PAGES)))
    house.val.write_text("".join(f"{line}\n" for line in lines))
    house.engine = Writer(blue_after=3)
    return house.engine


def train(house: House, steps: Sequence[int], **settings: object) -> None:
    for step in steps:
        write_checkpoint(house.root, step, max_steps=10_000)
    house.service(**{"once": True, "samples": PAGES} | settings).run()


def rules(house: House, *, active: bool = True) -> set[str]:
    return {episode["rule"] for episode in house.ledger.episodes().all() if episode["active"] == active}


HEALTHY, SICK = (100, 200, 300), (400, 500)


def test_a_collapse_is_warned_of_once_in_wandb_across_restarts(
    house: House, engine: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    train(house, HEALTHY)
    assert rules(house) == set()
    with caplog.at_level("INFO", logger="uimon"):
        train(house, SICK)
        train(house, (600,))
    assert "blue_purple_takeover" in rules(house)
    titles = [alert.title for alert in house.tracker.alerts]
    assert len([title for title in titles if "Blue and purple" in title]) == 1
    assert caplog.text.count("Blue and purple take over the pages (blue_purple_takeover") == 1
    assert "Likely cause: The model returns to" in caplog.text
    assert "What to do:" in caplog.text


def test_what_was_told_before_the_ledger_was_lost_is_not_told_again(
    house: House, engine: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor is a later one held back."""
    engine.healed_after = 5
    said: list[str] = []
    with Receiver() as receiver, caplog.at_level("INFO", logger="uimon"):
        train(house, (*HEALTHY, *SICK), webhook=receiver.url)
        raised, alerts = [event["rule"] for event in receiver.taken], len(house.tracker.alerts)
        assert "blue_purple_takeover" in raised
        before = rules(house)
        house.ledger.close()
        for file in house.state.root.glob("ledger.sqlite3*"):
            file.unlink()
        house.ledger = open_ledger(house.state, "run", TableLimits(8, 400_000), said.append)
        caplog.clear()
        train(house, (), webhook=receiver.url)
        assert rules(house) == before
        train(house, (600, 700), webhook=receiver.url)
        assert [event["rule"] for event in receiver.taken] == raised
        assert {alert.title.split(":")[0] for alert in house.tracker.alerts[alerts:]} == {"Over"}
        assert "Likely cause:" not in caplog.text
        assert rules(house) == set()
        engine.blue_after, engine.healed_after = 7, 99
        train(house, (800, 900), webhook=receiver.url)
    assert "blue_purple_takeover" in [event["rule"] for event in receiver.taken[len(raised) :]]
    assert "It does not repeat their early warnings" in said[0]


def test_what_is_well_again_is_over_and_said(house: House, engine: Writer) -> None:
    engine.healed_after = 5
    train(house, (*HEALTHY, *SICK, 600, 700))
    assert rules(house) == set()
    assert "blue_purple_takeover" in rules(house, active=False)


def test_status_shows_samples_of_a_warning_that_lasts(
    house: House, engine: Writer, capsys: pytest.CaptureFixture[str]
) -> None:
    train(house, (*HEALTHY, *SICK))
    shown = {w.episode.rule: w.shown or () for w in warnings_with_samples(house.ledger)}[Rule.BLUE_PURPLE_TAKEOVER]
    assert len(shown) == 3
    places = [re.fullmatch(r"Sample (\d+) of step 400, “page (\d+)”: (.*)", sentence) for sentence in shown]
    assert all(place is not None and place[1] == place[2] and "blue-" in place[3] for place in places)
    run_status(None, house.state.root, as_json=False)
    assert " ".join(shown[0].split()) in " ".join(capsys.readouterr().out.split())
    engine.healed_after = 5
    train(house, (600, 700))
    assert not any("shown" in warning.to_dict() for warning in warnings_with_samples(house.ledger))


def test_a_silenced_rule_is_not_raised(house: House, engine: Writer) -> None:
    train(house, (*HEALTHY, *SICK), alerts={"silence": ["blue_purple_takeover", "colors_collapsed"]})
    assert not {"blue_purple_takeover", "colors_collapsed"} & rules(house)


def test_a_warning_whose_rule_is_silenced_is_not_said_to_be_over(
    house: House, engine: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    train(house, (*HEALTHY, *SICK))
    told = [alert.title for alert in house.tracker.alerts]
    assert any("Blue and purple" in title for title in told)
    with caplog.at_level("INFO", logger="uimon"):
        train(house, (600,), alerts={"silence": sorted(rules(house))})
    assert rules(house) == set()
    assert (
        "uimon watches these warnings no longer, because its rule is silenced: Blue and purple take over the pages"
        in caplog.text
    )
    train(house, (700,))
    assert "blue_purple_takeover" in rules(house)
    assert [alert.title for alert in house.tracker.alerts] == told


def test_a_warning_of_a_suite_that_is_no_longer_used_is_not_said_to_be_over(
    house: House, engine: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    with Receiver() as receiver, caplog.at_level("INFO", logger="uimon"):
        train(house, (*HEALTHY, *SICK), webhook=receiver.url)
        train(house, (600,), webhook=receiver.url, samples=PAGES - 1)
    assert "blue_purple_takeover" not in rules(house)
    assert "because sampling or scoring has changed: Blue and purple take over the pages" in caplog.text
    assert {event["event"] for event in receiver.taken} == {"raised"}
    assert not any(alert.title.startswith("Over") for alert in house.tracker.alerts)


def test_a_command_gets_each_warning_once_and_its_failure_ends_nothing(
    house: House, engine: Writer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(house, HEALTHY)
    told = tmp_path / "told.jsonl"
    command = f"cat >> {told}; echo >> {told}; touch {tmp_path}/STOP; exit 7"
    train(house, SICK, on_alert=command)
    train(house, (600,), on_alert=command)
    events = [json.loads(line) for line in told.read_text().splitlines()]
    assert len({event["key"] for event in events}) == len(events)
    assert "blue_purple_takeover" in {event["rule"] for event in events}
    assert {event["event"] for event in events} == {"raised"}
    assert (tmp_path / "STOP").exists()
    assert "ended with 7" in caplog.text
    assert [state for _, state, _ in house.states()] == ["published"] * 6


class Receiver:
    """A webhook's receiver that answers with the given statuses, then 200."""

    def __init__(self, *statuses: int) -> None:
        self.waiting = list(statuses)
        self.taken: list[dict[str, Any]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = receiver.waiting.pop(0) if receiver.waiting else 200
                if status == 200:
                    receiver.taken.append(body)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/secret-token"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self) -> Receiver:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def test_a_webhook_that_is_down_hears_of_it_later_and_its_address_is_not_in_the_log(
    house: House, engine: Writer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver(500, 500, 500, 500) as receiver, caplog.at_level("DEBUG", logger="uimon"):
        monkeypatch.setattr(
            "watcher.service.service._channels",
            lambda _: Channels(Webhook(receiver.url), retries=(0.0,) * 9),
        )
        train(house, (*HEALTHY, *SICK))
        assert len(receiver.waiting) < 4
        engine.blue_after = 10**9
        train(house, (600, 700))
        train(house, (800,))
    raised = [event for event in receiver.taken if event["event"] == "raised"]
    assert "blue_purple_takeover" in {event["rule"] for event in raised}
    assert len({event["key"] for event in raised}) == len(raised)
    assert {event["key"] for event in receiver.taken if event["event"] == "cleared"} <= {e["key"] for e in raised}
    assert "uimon, run run" in raised[0]["text"]
    assert "500" in caplog.text
    assert "secret-token" not in caplog.text


def test_a_webhook_that_will_never_take_it_is_said_and_not_tried_again(
    house: House, engine: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    with Receiver(*[404] * 100) as receiver:
        train(house, (*HEALTHY, *SICK), webhook=receiver.url)
        attempts = 100 - len(receiver.waiting)
        train(house, (600,), webhook=receiver.url)
        assert 100 - len(receiver.waiting) == attempts > 0
    assert "(HTTP 404). uimon does not retry." in caplog.text
    assert "secret-token" not in caplog.text


def test_what_a_webhook_refuses_at_the_end_is_tried_again_before_the_exit(house: House, engine: Writer) -> None:
    with Receiver() as receiver:
        train(house, HEALTHY, webhook=receiver.url)
        receiver.waiting = [503] * 3
        train(house, SICK, webhook=receiver.url, drain_timeout=20)
        assert house.ledger.deliveries().due("webhook", early=True) == []
        assert "blue_purple_takeover" in {event["rule"] for event in receiver.taken}


def test_what_a_webhook_does_not_take_before_the_exit_is_said_and_told_by_the_next_start(
    house: House, engine: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    with Receiver(*[503] * 1000) as receiver:
        train(house, (*HEALTHY, *SICK), webhook=receiver.url)
        due = house.ledger.deliveries().due("webhook", early=True)
        assert len(due) > 1
        for notice in due:
            sentence = f"The webhook could not be told that warning {notice.key} was raised; the next start retries."
            assert caplog.text.count(sentence) == 1
        receiver.waiting = []
        train(house, (600,), webhook=receiver.url)
        assert {event["key"] for event in receiver.taken} == {notice.key for notice in due}


@dataclass
class Broken:
    """A history that cannot be read."""

    read_by: list[str] = field(default_factory=list)

    def read(self, *, ended: bool, hurry: Callable[[], bool]) -> None:
        self.read_by.append("warner")
        raise ZeroDivisionError


def test_a_rule_that_fails_is_said_once_and_ends_nothing(
    house: House, engine: Writer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Broken()
    monkeypatch.setattr("watcher.service.service.LedgerHistory", lambda *_, **__: broken)
    train(house, (*HEALTHY, *SICK))
    assert broken.read_by
    assert caplog.text.count("Early warnings cannot be worked out (ZeroDivisionError") == 1
    assert [state for _, state, _ in house.states()] == ["published"] * 5


def test_a_checkpoint_with_nan_is_warned_of_and_the_next_good_one_ends_it(house: House, engine: Writer) -> None:
    path = write_checkpoint(house.root, 100, max_steps=10_000)
    state = {"global_step": 100, "max_steps": 10_000, "log_history": [{"step": 90, "loss": float("nan")}]}
    (path / "trainer_state.json").write_text(json.dumps(state))
    house.service(once=True, samples=PAGES).run()
    assert rules(house) | rules(house, active=False) == {"non_finite"}
    levels = [alert.level for alert in house.tracker.alerts if "NaN" in alert.title]
    assert levels[:1] in ([AlertLevel.ERROR], [])


def test_a_loss_of_zero_with_nan_gradients_is_an_error_and_no_perplexity_of_one(house: House) -> None:
    path = write_checkpoint(house.root, 10)
    log = [{"step": 1, "loss": 1.0446, "grad_norm": float("nan")}]
    log += [{"step": step, "loss": 0.0, "grad_norm": float("nan")} for step in range(2, 11)]
    state = {"global_step": 10, "max_steps": 20, "log_history": log}
    (path / "trainer_state.json").write_text(json.dumps(state))
    house.service(once=True).run()
    assert house.states() == [(10, "published", None)]
    assert [row.step for row in house.tracker.rows if row.kind is RowKind.TRAIN] == [1]
    [alert] = house.tracker.alerts
    assert alert.title == "Training has produced NaN or infinity (step 1)"
    assert "The gradient norm is NaN since step 1, at 10 logged steps" in alert.text
