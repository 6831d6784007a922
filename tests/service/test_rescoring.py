"""Stored samples scored anew: what comes of them, what stays as it was, and how the run goes on from there."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import scorers
from scorers.extraction import AnswerShape
from scorers.plugins.loader import load_plugins
from tests.ledger.test_ledger import change_samples
from tests.service.test_warnings import PAGES, Writer, rules
from tests.support.checkpoint_files import write_checkpoint
from tests.support.house import House
from tests.support.ledgers import due_rows
from tests.support.scripted_engine import ScriptedEngine
from watcher.engine.types import Generation, PromptSpec, Rendered, Sampling
from watcher.evaluation.evaluate import TableLimits
from watcher.evaluation.plugins import named_theme
from watcher.evaluation.rescoring import Fate, Rescored, Rescorer
from watcher.ledger.export import Exporter
from watcher.ledger.ledger import Ledger
from watcher.ledger.rebuild import open_ledger
from watcher.ledger.state_dir import StateDir
from watcher.model import Reason, RowKind
from watcher.service.history import LedgerHistory

TABLE = TableLimits(8, 1_000_000)
ANSWERS = (
    ("```html\n<div class='bg-teal-500 p-4 bg-primary'>Hello</div>\n```", "stop"),
    ("```tsx\nexport default () => <p className='text-rose-600'>Hi</p>", "length"),
    ("```html\n<main><div></main>\n```", "stop"),
    ("", "stop"),
    ("I cannot do that.", "stop"),
)


@dataclass
class Answering(ScriptedEngine):
    """Gives a different kind of answer to each prompt."""

    rendered: int = 0

    def render(self, *args: Any, **options: Any) -> Rendered:
        self.rendered += 1
        return super().render(*args, **options)

    def generate(
        self, prompts: Sequence[PromptSpec], sampling: Sampling, stop_ids: Sequence[int]
    ) -> Iterator[Generation]:
        for number, prompt in enumerate(prompts):
            text, finish = ANSWERS[number % len(ANSWERS)]
            yield Generation(prompt.id, 0, text, 12, finish)


def ask(house: House, count: int = len(ANSWERS)) -> Answering:
    house.val.write_text("".join(json.dumps({"question": f"page {i}", "answer": "a"}) + "\n" for i in range(count)))
    house.engine = Answering()
    return house.engine


def train(house: House, steps: Sequence[int], **settings: object) -> None:
    for step in steps:
        write_checkpoint(house.root, step, max_steps=10_000)
    house.service(**{"once": True, "samples": len(ANSWERS)} | settings).run()


@pytest.fixture
def earlier(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Until it is undone, everything is scored by another version."""
    with monkeypatch.context() as patched:
        patched.setattr("scorers.scoring.VERSION", "2")
        yield patched


def _aged(score: dict[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in score.items() if k not in ("hues", "lightness", "files", "early_errors")}
    return kept | {"outcome": "invalid", "num_classes": 0, "classes": {}}


def age(house: House) -> None:
    """Store scores and metrics as that version did: without what is measured since, and with other results."""
    for uid, _ in house.ledger.with_samples():
        change_samples(
            house.ledger, uid, lambda samples: [sample | {"score": _aged(sample["score"])} for sample in samples]
        )
    with house.ledger.change() as db:
        for row in db.execute("SELECT uid, metrics FROM evaluation").fetchall():
            metrics = json.loads(row["metrics"]) | {"eval/syntax_validity_rate": 0.0, "eval/gone": 1.0}
            db.execute("UPDATE evaluation SET metrics = ? WHERE uid = ?", (json.dumps(metrics), row["uid"]))


def rescore(
    house: House, *named: str, theme: Sequence[str] = (), step: int | None = None, keep: bool = True
) -> list[Rescored]:
    house.ledger.remember("run", "run")
    return list(
        Rescorer(house.ledger, load_plugins(named), named_theme(theme), TABLE, pytest.fail, keep=keep).rescore(step)
    )


def contents(ledger: Ledger) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that is in the ledger's tables, by table."""
    with ledger.read() as db:
        tables = ("checkpoint", "evaluation", "answers", "row", "outbox", "suite", "episode", "delivery")
        return {name: [tuple(row) for row in db.execute(f"SELECT * FROM {name}")] for name in tables}


def of_scorers(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metrics.items() if not name.startswith("uimon/")}


@pytest.fixture
def second(tmp_path: Path) -> Iterator[House]:
    """Another house, for the same run on another machine."""
    place = tmp_path / "second"
    (place / "ckpts").mkdir(parents=True)
    state = StateDir(place / "state")
    state.create()
    built = House(place / "ckpts", state, Ledger(state.ledger), place / "val.jsonl")
    with built.closing:
        yield built
    built.ledger.close()


def test_what_comes_of_it_equals_a_fresh_evaluation(house: House, second: House, earlier: pytest.MonkeyPatch) -> None:
    ask(house)
    train(house, (50, 100))
    age(house)
    earlier.undo()
    ask(second)
    train(second, (50, 100))
    assert [one.fate for one in rescore(house)] == [Fate.RESCORED] * 2
    fresh, anew = second.ledger.evaluations(), [e for e in house.ledger.evaluations() if e.origin]
    assert [(e.uid, e.step, e.suite, e.digest) for e in anew] == [(e.uid, e.step, e.suite, e.digest) for e in fresh]
    for old, new in zip(fresh, anew, strict=True):
        assert of_scorers(dict(old.metrics)) == dict(new.metrics)
        assert second.ledger.samples(old.uid) == house.ledger.samples(new.uid)
    assert fresh[0].metrics["eval/syntax_validity_rate"] == 0.2
    house.service(once=True, samples=len(ANSWERS)).run()
    rows = {row.uid: row for row in house.tracker.rows}
    for row in (row for row in second.tracker.rows if row.kind is RowKind.EVAL):
        assert rows[row.uid].values == of_scorers(dict(row.values))
        assert rows[row.uid].table == row.table


def test_what_is_on_record_stays_as_it_is(house: House, earlier: pytest.MonkeyPatch) -> None:
    ask(house)
    train(house, (50, 100))
    age(house)
    earlier.undo()
    before = contents(house.ledger)
    rescore(house)
    due_rows(house.ledger)
    after = contents(house.ledger)
    for table, lines in before.items():
        assert after[table][: len(lines)] == lines, table
    assert {name: len(after[name]) - len(before[name]) for name in before if after[name] != before[name]} == {
        "evaluation": 2,
        "answers": 2,
        "row": 2,
        "outbox": 2,
    }


def test_the_same_scorers_once_more_change_nothing(house: House, earlier: pytest.MonkeyPatch) -> None:
    ask(house)
    train(house, (50, 100))
    assert [one.fate for one in rescore(house)] == [Fate.UNCHANGED] * 2
    earlier.undo()
    assert [one.fate for one in rescore(house, keep=False)] == [Fate.RESCORED] * 2
    assert [one.fate for one in rescore(house, step=100)] == [Fate.RESCORED]
    assert [one.fate for one in rescore(house)] == [Fate.RESCORED, Fate.UNCHANGED]
    before = contents(house.ledger)
    again = rescore(house)
    assert [one.fate for one in again] == [Fate.UNCHANGED] * 2
    assert [one.now and one.now.origin for one in again] == [one.origin.uid for one in again]
    assert contents(house.ledger) == before


def test_an_upgraded_watcher_says_that_it_goes_on_in_a_new_suite_and_with_which_command_to_carry_over(
    house: House, earlier: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine = ask(house)
    train(house, (50, 100))
    earlier.undo()
    train(house, (150,))
    old, _, new = house.ledger.evaluations()
    said = f"so suite {new.suite} follows suite {old.suite}, with the same prompts"
    assert said in caplog.text
    assert "stop uimon, run `uimon rescore`, and start it again" in caplog.text
    # The prompts are the very ones that were rendered first.
    assert engine.rendered == 1
    rescore(house)
    assert {e.suite for e in house.ledger.evaluations() if e.origin} == {new.suite}
    caplog.clear()
    train(house, (200,))
    assert "Scoring has changed" not in caplog.text
    history = LedgerHistory(house.ledger).read(ended=True)
    assert [entry.step for entry in sorted(history.entries, key=lambda entry: entry.at)] == [50, 100, 150, 200]


def test_the_command_in_that_sentence_names_the_plug_ins(
    house: House, earlier: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ask(house)
    train(house, (50,), scorers=["legacy"])
    earlier.undo()
    train(house, (100,), scorers=["legacy"])
    assert "run `uimon rescore --scorer legacy`" in caplog.text


def test_the_run_goes_on_in_the_suite_of_what_was_scored_anew(
    house: House, earlier: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ask(house)
    train(house, (50, 100))
    earlier.undo()
    rescore(house)
    train(house, (150,))
    assert "It already holds the earlier evaluations" in caplog.text
    assert "run `uimon rescore" not in caplog.text
    assert len({e.suite for e in house.ledger.evaluations() if e.origin or e.step == 150}) == 1
    assert [entry.step for entry in LedgerHistory(house.ledger).read(ended=True).entries] == [50, 100, 150]
    assert [(row.step, row.published, row.rescored) for row in house.ledger.status()] == [
        (50, "yes", True),
        (100, "yes", True),
        (150, "yes", False),
    ]
    assert len([row for row in house.tracker.rows if row.kind is RowKind.EVAL]) == 5


def test_old_samples_of_other_prompts_end_no_history(house: House, earlier: pytest.MonkeyPatch) -> None:
    ask(house)
    train(house, (50, 100))
    earlier.undo()
    train(house, (150, 200), samples=3)
    history = LedgerHistory(house.ledger)
    assert [entry.step for entry in history.read(ended=True).entries] == [150, 200]
    rescore(house)
    assert [entry.step for entry in history.read(ended=True).entries] == [150, 200]
    train(house, (250,), samples=3)
    assert [entry.step for entry in history.read(ended=True).entries] == [150, 200, 250]


def test_each_of_the_old_suites_becomes_one(house: House, earlier: pytest.MonkeyPatch) -> None:
    ask(house)
    train(house, (50,))
    train(house, (100,), samples=3)
    earlier.undo()
    assert len({one.now.suite for one in rescore(house) if one.now}) == 2
    assert [entry.step for entry in LedgerHistory(house.ledger).read(ended=True).entries] == [100]


@dataclass
class Turning(Writer):
    """As `Writer`, and counts what it told."""

    told: list[str] = field(default_factory=list)


def prepare(house: House, blue_after: int, healed_after: int = 10**9) -> None:
    house.val.write_text("".join(json.dumps({"question": f"page {i}", "answer": "a"}) + "\n" for i in range(PAGES)))
    house.engine = Turning(blue_after=blue_after, healed_after=healed_after)


def titles(house: House) -> list[str]:
    return [alert.title for alert in house.tracker.alerts if "lue and purple" in alert.title]


def test_no_warning_of_the_past_is_told_again_and_its_end_is(house: House, earlier: pytest.MonkeyPatch) -> None:
    prepare(house, blue_after=3, healed_after=6)
    train(house, (100, 200, 300, 400, 500), samples=PAGES)
    assert len(titles(house)) == 1
    earlier.undo()
    rescore(house)
    before = [alert.title for alert in house.tracker.alerts]
    train(house, (600,), samples=PAGES)
    # It lasts, and is shown; but people were told when it began.
    assert "blue_purple_takeover" in rules(house)
    assert [alert.title for alert in house.tracker.alerts] == before
    train(house, (700, 800), samples=PAGES)
    assert "blue_purple_takeover" not in rules(house)
    assert any(alert.title.startswith("Over: blue_purple_takeover") for alert in house.tracker.alerts)


def test_what_goes_wrong_after_an_upgrade_is_compared_with_what_was_scored_anew(
    house: House, earlier: pytest.MonkeyPatch
) -> None:
    prepare(house, blue_after=3)
    train(house, (100, 200, 300), samples=PAGES)
    earlier.undo()
    rescore(house)
    train(house, (400,), samples=PAGES)
    assert "blue_purple_takeover" in rules(house)
    assert len(titles(house)) == 1


def test_plug_ins_are_part_of_it_and_one_that_is_missing_is_named(house: House) -> None:
    ask(house)
    train(house, (50,))
    (one,) = rescore(house, "legacy")
    assert one.now is not None
    assert one.now.metrics["eval/legacy/failed"] == 0
    assert one.now.suite != one.origin.suite
    with_plugin = House(house.root, house.state, house.ledger, house.val, engine=house.engine, closing=house.closing)
    train(with_plugin, (100,), scorers=["legacy"])
    assert house.ledger.evaluations()[-1].suite == one.now.suite
    said: list[str] = []
    found = list(Rescorer(house.ledger, (), None, TABLE, said.append).rescore())
    assert [of.fate for of in found] == [Fate.UNCHANGED, Fate.RESCORED]
    assert len(said) == 1
    assert "also scored by the plug-in legacy" in said[0]
    assert found[1].now is not None
    assert not any(name.startswith("eval/legacy") for name in found[1].now.metrics)


def test_a_theme_is_part_of_it_and_one_that_is_missing_is_named(house: House, caplog: pytest.LogCaptureFixture) -> None:
    ask(house)
    train(house, (50,))
    (one,) = rescore(house, theme=["shadcn"])
    assert one.now is not None
    share = "eval/unresolved_color_share"
    assert one.origin.metrics[share] == pytest.approx(1 / 3)
    assert one.now.metrics[share] == 0
    train(house, (100,), theme=["shadcn"])
    assert house.ledger.evaluations()[-1].suite == one.now.suite
    assert "It already holds the earlier evaluations" in caplog.text
    assert [e.step for e in LedgerHistory(house.ledger).read(ended=True).entries] == [50, 100]
    said: list[str] = []
    found = list(Rescorer(house.ledger, (), None, TABLE, said.append).rescore())
    assert [of.fate for of in found] == [Fate.UNCHANGED, Fate.RESCORED]
    assert [sentence.split(",")[0] for sentence in said] == [f"Suite {one.now.suite} was scored against a theme"]
    train(house, (150,), theme=["shadcn"], samples=3)
    train(house, (200,), samples=3)
    assert "run `uimon rescore`" in caplog.text


def _without(samples: list[Any], place: int, name: str) -> list[Any]:
    return [*samples[:place], {k: v for k, v in samples[place].items() if k != name}, *samples[place + 1 :]]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda samples: samples[1:], "has 4 of its 5 samples"),
        (lambda _: [], "has 0 of its 5 samples"),
        (lambda samples: _without(samples, 1, "completion"), "its sample 1 is stored without `completion`"),
        (lambda samples: _without(samples, 4, "finish_reason"), "its sample 4 is stored without `finish_reason`"),
        (None, "its samples cannot be read back"),
    ],
)
def test_an_evaluation_that_lacks_something_is_named_and_the_others_go_on(
    house: House, earlier: pytest.MonkeyPatch, damage: Callable[[list[Any]], list[Any]] | None, said: str
) -> None:
    ask(house)
    train(house, (50, 100))
    earlier.undo()
    uid = house.ledger.evaluations()[0].uid
    if damage is not None:
        change_samples(house.ledger, uid, damage)
    else:
        with house.ledger.change() as db:
            db.execute("UPDATE answers SET body = x'78' WHERE uid = ?", (uid,))
    lacking, whole = rescore(house)
    assert (lacking.fate, lacking.reason, lacking.now) == (Fate.FAILED, Reason.SAMPLES_MISSING, None)
    assert lacking.detail.startswith("Step 50 cannot be scored again: ")
    assert said in lacking.detail
    assert whole.fate is Fate.RESCORED
    assert [e.step for e in house.ledger.evaluations() if e.origin] == [100]


def test_texts_that_were_only_measured_are_carried_over(house: House, earlier: pytest.MonkeyPatch) -> None:
    house.val.write_text('{"text": "one"}\n{"text": "two"}\n')
    train(house, (50,))
    earlier.undo()
    (one,) = rescore(house)
    assert one.now is not None
    assert set(one.now.metrics) == {name for name in one.origin.metrics if name.startswith("eval/")}
    assert one.now.metrics["eval/perplexity"] == one.origin.metrics["eval/perplexity"]


def test_a_step_that_was_written_again_is_scored_anew_both_times(house: House, earlier: pytest.MonkeyPatch) -> None:
    ask(house)
    train(house, (50,))
    write_checkpoint(house.root, 50, value=7, max_steps=10_000)
    house.service(once=True, samples=len(ANSWERS)).run()
    earlier.undo()
    assert [one.origin.step for one in rescore(house)] == [50, 50]
    assert [(row.superseded, row.rescored) for row in house.ledger.status()] == [(True, True), (False, True)]


def rebuilt(house: House) -> None:
    """The ledger is damaged, and made anew from the JSON lines beside it."""
    Exporter(house.ledger, house.state).export()
    house.ledger.close()
    house.state.ledger.write_bytes(b"no database" * 1000)
    house.ledger = open_ledger(house.state, "run", TABLE, lambda _: None)


def test_a_ledger_made_anew_knows_what_was_scored_anew(house: House, earlier: pytest.MonkeyPatch) -> None:
    ask(house)
    train(house, (50, 100))
    earlier.undo()
    rescore(house)
    known = [(e.uid, e.origin, e.name, dict(e.metrics)) for e in house.ledger.evaluations()]
    rebuilt(house)
    assert [(e.uid, e.origin, e.name, dict(e.metrics)) for e in house.ledger.evaluations()] == known
    assert [(row.step, row.rescored) for row in house.ledger.status()] == [(50, True), (100, True)]


def test_a_ledger_made_anew_has_no_suite_and_what_scores_the_same_stays(
    house: House, earlier: pytest.MonkeyPatch
) -> None:
    ask(house)
    train(house, (50, 100))
    earlier.undo()
    rebuilt(house)
    assert [one.fate for one in rescore(house)] == [Fate.UNCHANGED] * 2
    age(house)
    assert [one.fate for one in rescore(house)] == [Fate.RESCORED] * 2
    assert [one.fate for one in rescore(house)] == [Fate.UNCHANGED] * 2


def test_the_shapes_that_have_occurred_are_charted_from_then_on(house: House) -> None:
    engine = ask(house)
    train(house, (50,))
    train(house, (100,))
    (first, last) = (row.values for row in house.tracker.rows if row.kind is RowKind.EVAL)
    names = {name: value for name, value in first.items() if name.startswith("eval/extraction_")}
    answers = [scorers.Completion(text, truncated=finish == "length") for text, finish in ANSWERS]
    shapes = Counter(scorers.score_sample(answer).extraction for answer in answers)
    assert len(shapes) > 3
    assert names == {f"eval/extraction_{shape}": count for shape, count in shapes.items()}
    kept = house.ledger.evaluations()[0].metrics
    assert {name for name in kept if name.startswith("eval/extraction_")} == {
        f"eval/extraction_{f}" for f in AnswerShape
    }
    assert names.keys() <= last.keys()
    engine.generate = ScriptedEngine().generate  # type: ignore[method-assign]
    train(house, (150,))
    values = [row.values for row in house.tracker.rows if row.kind is RowKind.EVAL][-1]
    assert {name: values[name] for name in names} == dict.fromkeys(names, 0) | {"eval/extraction_fence": 5}
    assert scorers.METRICS["eval/extraction_fence"].unit == "samples"
