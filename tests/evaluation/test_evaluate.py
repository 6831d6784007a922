from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import pytest

from scorers import METRICS, Completion, Plugin, Sample
from tests.support.checkpoint_files import write_checkpoint
from tests.support.scripted_engine import ScriptedEngine
from watcher.engine.model_files.tokenizer_files import TokenizerStamp, read_stamp
from watcher.engine.types import Loaded, Perplexity, PromptSpec, Sampling
from watcher.evaluation.evaluate import Context, Metrics, Progress, TableLimits, evaluate
from watcher.evaluation.suite import Suite
from watcher.ledger.ledger import Record
from watcher.model import CheckpointKind, Reason, State, UimonError

USUAL = Loaded("warm", 0.1, "probe")
MEASURED = Perplexity(nll=6.0, tokens=3, chars=12, skipped=1)
NOTHING = TokenizerStamp("", "")


@dataclass
class Engine(ScriptedEngine):
    """The scripted engine with an answer to each load and measurement of its own."""

    answer: Loaded = USUAL
    measured: Perplexity = MEASURED

    def load(self, path: Path, digest: str, kind: CheckpointKind, base: Path | None) -> Loaded:
        """The scripted answer."""
        super().load(path, digest, kind, base)
        return self.answer

    def perplexity(self, prompts: object) -> Perplexity:
        """The scripted measurement."""
        return self.measured


@dataclass
class Heard:
    """What an evaluation told the service."""

    progress: list[Progress] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    ticks: Iterator[int] = field(default_factory=count)

    @property
    def context(self) -> Context:
        """A context whose timer goes on by a second each time it is asked."""
        return Context(
            run="run",
            table=TableLimits(8, 1_000_000),
            report=self.progress.append,
            note=self.notes.append,
            warn=self.warnings.append,
            interrupted=lambda: False,
            health=lambda: {"uimon/queue_depth": 2},
            timer=lambda: float(next(self.ticks)),
        )


@pytest.fixture
def record(tmp_path: Path) -> Record:
    path = write_checkpoint(tmp_path, 50)
    return Record(
        1,
        path.name,
        50,
        path,
        CheckpointKind.FULL,
        None,
        False,
        State.EVALUATING,
        None,
        "",
        "digest",
        path,
        1,
        False,
        0.0,
        0.0,
    )


def suite(n: int = 1, tokenizer: TokenizerStamp = NOTHING) -> Suite:
    prompts = tuple(PromptSpec(name, f"page {name}", (1,), (2,), 1) for name in ("b", "a"))
    return Suite(prompts, (0,), Sampling(8, 0.7, 1.0, 0, n), "template", "1", 0, 100, "auto", "", tokenizer)


def metrics(engine: Engine, record: Record) -> Metrics:
    return evaluate(engine, suite(), record, None, Heard().context)[0].metrics


def test_perplexity_comes_with_the_loss_per_character(record: Record) -> None:
    found = metrics(Engine(), record)
    assert found["eval/perplexity"] == pytest.approx(7.389056)
    assert found["eval/nll_per_char"] == 0.5
    assert found["eval/references_skipped"] == 1
    without = metrics(Engine(measured=Perplexity(0.0, 0, 0, 2)), record)
    assert (without["eval/perplexity"], without["eval/nll_per_char"]) == (None, None)


def test_the_engines_pace_is_among_the_metrics(record: Record) -> None:
    found = metrics(Engine(answer=Loaded("cold", 7.5, "probe", max_num_seqs=48)), record)
    assert found["uimon/swap_seconds"] == 7.5
    assert found["uimon/perplexity_seconds"] == 1
    assert found["uimon/max_num_seqs"] == 48
    assert found["uimon/queue_depth"] == 2
    assert metrics(Engine(), record)["uimon/max_num_seqs"] is None


def test_a_row_holds_the_defined_metrics_only(record: Record) -> None:
    values = evaluate(Engine(), suite(), record, None, Heard().context)[1].values
    assert values["eval/nll_per_char"] == 0.5
    assert "uimon/max_num_seqs" not in values


def test_an_evaluation_holds_every_metric_that_is_declared_and_no_other(record: Record) -> None:
    found = evaluate(Engine(), suite(), record, None, Heard().context)[0].metrics
    assert {name for name in found if name.startswith("eval/")} == {n for n in METRICS if n.startswith("eval/")}


def test_samples_are_counted_as_prompts_times_n_and_kept_in_their_order(record: Record) -> None:
    heard = Heard()
    evaluation, row = evaluate(Engine(), suite(n=3), record, None, heard.context)
    assert [(s.prompt_id, s.to_dict()["index"]) for s in evaluation.samples] == [(p, i) for p in "ba" for i in range(3)]
    assert row.values["eval/samples"] == 6
    steps = [(p.phase, p.done, p.total) for p in heard.progress]
    assert steps == [("load", 0, 0), *(("generate", done, 6) for done in range(7)), ("perplexity", 6, 6)]


def test_samples_carry_their_prompt_so_that_intervals_know_which_belong_together(record: Record) -> None:
    evaluation, _ = evaluate(Engine(), suite(n=3), record, None, Heard().context)
    assert [s.score.prompt for s in evaluation.samples] == ["b"] * 3 + ["a"] * 3
    assert evaluation.metrics["eval/prompts"] == 2
    # Two prompts, not six samples: all of them valid.
    assert evaluation.metrics["eval/syntax_validity_rate_low"] == pytest.approx(0.342, abs=0.001)


def test_the_intervals_of_headlines_are_charted_and_the_others_kept(record: Record) -> None:
    evaluation, row = evaluate(Engine(), suite(n=3), record, None, Heard().context)
    assert {"eval/syntax_validity_rate_low", "eval/syntax_validity_rate_high"} <= row.values.keys()
    assert "eval/repetition_share" in row.values
    kept = {"eval/repetition_share_low", "eval/repetition_share_n", "eval/syntax_validity_rate_n", "eval/prompts"}
    assert kept <= evaluation.metrics.keys()
    assert not kept & row.values.keys()


class Words:
    """A plug-in that counts words, and fails where it is told to."""

    name = "words"
    version = "1"

    def __init__(self, failing: bool = False) -> None:
        self.failing = failing

    def measure(self, completion: Completion, sample: Sample) -> int:
        """Words of the completion."""
        if self.failing:
            raise ValueError("no words")
        return len(completion.text.split())

    def aggregate(self, measurements: Sequence[int]) -> dict[str, float | None]:
        """Their sum."""
        return {"sum": sum(measurements)}


def test_a_plug_in_adds_its_metrics_and_its_failure_is_a_warning(record: Record) -> None:
    heard = Heard()
    evaluation, row = evaluate(Engine(), suite(), record, None, replace(heard.context, plugins=(Plugin(Words()),)))
    assert row.values["eval/words/sum"] == sum(s.score.extras["words"]["value"] for s in evaluation.samples)
    assert heard.warnings == []
    failing = replace(heard.context, plugins=(Plugin(Words(failing=True)),))
    row = evaluate(Engine(), suite(), record, None, failing)[1]
    assert row.values["eval/words/failed"] == 2
    assert row.values["eval/syntax_validity_rate"] == 1
    assert heard.warnings == ["The scorer words failed on 2 of 2 samples (ValueError: no words)."]


def test_how_the_weights_came_in_is_noted_and_what_is_alarming_is_a_warning(record: Record) -> None:
    heard = Heard()
    evaluate(Engine(), suite(), record, None, heard.context)
    assert heard.notes == heard.warnings == []
    evaluate(Engine(answer=Loaded("cold", 1.0, "p", note="As set.")), suite(), record, None, heard.context)
    alarming = Loaded("cold", 1.0, "p", note="It differs.", alarming=True)
    evaluate(Engine(answer=alarming), suite(), record, None, heard.context)
    assert (heard.notes, heard.warnings) == (["As set."], ["It differs."])


def test_another_tokenizer_is_refused_before_anything_is_loaded(record: Record) -> None:
    engine = Engine()
    assert record.stage is not None
    (record.stage / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {"a": 0}}}))
    with pytest.raises(UimonError, match="The tokenizer of checkpoint-50") as caught:
        evaluate(engine, suite(tokenizer=TokenizerStamp("other", "")), record, None, Heard().context)
    assert caught.value.reason is Reason.TOKENIZER_MISMATCH
    assert engine.loaded == []


def test_another_chat_template_is_a_warning_and_the_checkpoint_is_evaluated(record: Record) -> None:
    heard = Heard()
    assert record.stage is not None
    (record.stage / "chat_template.jinja").write_text("T")
    own = read_stamp(record.stage)
    evaluate(Engine(), suite(tokenizer=own), record, None, heard.context)
    assert heard.warnings == []
    evaluate(Engine(), suite(tokenizer=TokenizerStamp("", "other")), record, None, heard.context)
    assert len(heard.warnings) == 1
    assert "chat template has changed" in heard.warnings[0]
