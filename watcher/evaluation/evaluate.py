"""One checkpoint's evaluation: load, generate, score each sample as it finishes, perplexity, aggregate."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import scorers
from scorers.metrics.catalog import METRICS
from scorers.metrics.computation import Elsewhere
from watcher.checkpoints.staging.sharing import require_unchanged
from watcher.engine.types import Generation, Loaded, Perplexity, PromptSpec, Sampling
from watcher.evaluation.suite import Suite, check_tokenizer
from watcher.ledger.ledger import Evaluation, Record
from watcher.ledger.samples import EvaluatedSample, KeptSample
from watcher.model import CheckpointKind, JsonScalar, Reason, Row, RowKind, Table, UimonError, row_uid
from watcher.system.crashpoint import crash_point

TABLE_COLUMNS: Final = (
    "step",
    "sample",
    "prompt",
    "generated_code",
    "syntax_valid",
    "num_colors",
    "num_classes",
    "outcome",
    "finish_reason",
    "errors",
    "found",
)
Metrics = Mapping[str, float | None]
ENGINE_METRICS: Final = tuple(name for name, metric in METRICS.items() if metric.computed is Elsewhere.ENGINE)
"""What no scorer has a part in: the same, however the samples are scored."""
TABLE_CODE_CHARS: Final = 4000
TABLE_PROMPT_CHARS: Final = 500


class Engine(Protocol):
    """What an evaluation needs of an engine."""

    def load(self, path: Path, digest: str, kind: CheckpointKind, base: Path | None) -> Loaded:
        """Serve these weights, and prove that they are served."""
        ...

    def generate(
        self, prompts: Sequence[PromptSpec], sampling: Sampling, stop_ids: Sequence[int]
    ) -> Iterator[Generation]:
        """Samples, each as soon as it is finished, in no order."""
        ...

    def perplexity(self, prompts: Sequence[PromptSpec]) -> Perplexity:
        """Summed NLL of the references."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """What is being done with a checkpoint: `phase` is load, generate or perplexity; `done` of `total` samples."""

    step: int
    phase: str
    done: int = 0
    total: int = 0


class Interrupted(Exception):
    """The evaluation was told to stop; nothing of it is kept."""


@dataclass(frozen=True, slots=True)
class TableLimits:
    """How many samples the table of one evaluation shows, and how many bytes (UTF-8) they may take together."""

    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Context:
    """What an evaluation needs to know of the service around it.

    `note` is told, in a sentence, how the weights got into the engine where that was not the usual way, and `warn`
    what a person should hear of once, though the evaluation goes on. `health` gives the `uimon/…` metrics that only the
    service knows (queue, lag); it is asked once, at the end. `scoring` is told whenever scorers begin; what is reported
    next ends it. `plugins` score beside uimon's own scorers; `theme` is the one that the model writes against.
    `occurred` gives the rare counts that the run has had, which are charted from
    then on.
    """

    run: str
    table: TableLimits
    report: Callable[[Progress], None]
    note: Callable[[str], None]
    warn: Callable[[str], None]
    interrupted: Callable[[], bool]
    health: Callable[[], dict[str, float]]
    scoring: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.time
    timer: Callable[[], float] = time.monotonic
    plugins: tuple[scorers.Plugin, ...] = ()
    theme: scorers.Theme | None = None
    occurred: Callable[[], Collection[str]] = frozenset


def evaluate(
    engine: Engine, suite: Suite, record: Record, base: Path | None, context: Context
) -> tuple[Evaluation, Row]:
    """Evaluate one staged checkpoint; returns the evaluation and the row that is due for it.

    Raises UimonError as the engine does, and Interrupted when the service is stopping.
    """
    digest = record.digest or ""
    started = context.timer()
    loaded = _load(engine, suite, record, base, context)
    generated = _generate(engine, suite, record, context)
    measured = _measure(engine, suite, record, context)
    context.scoring()
    metrics = sample_metrics([score for _, score in generated.scored], context.plugins, context.warn)
    perplexity = measured.perplexity
    of_engine: Metrics = {
        "eval/perplexity": perplexity.value,
        "eval/nll_per_char": perplexity.nll_per_char,
        "eval/references_skipped": perplexity.skipped,
        "eval/prompts_skipped": suite.skipped,
    }
    # One that is declared and not here would be missing in every row.
    metrics |= {name: of_engine[name] for name in ENGINE_METRICS}
    metrics |= _pace(loaded, generated, measured)
    metrics["uimon/evaluation_seconds"] = context.timer() - started
    metrics |= context.health()
    metrics = finite(metrics)
    uid = row_uid(RowKind.EVAL, context.run, record.step, digest, suite.digest)
    samples = tuple(_sample(generation, score, suite) for generation, score in generated.scored)
    evaluation = Evaluation(uid, record.step, suite.digest, metrics, samples, context.clock(), record.name, digest)
    return evaluation, eval_row(evaluation, context.table, context.occurred())


def sample_metrics(
    scores: Sequence[scorers.Sample], plugins: Sequence[scorers.Plugin], warn: Callable[[str], None]
) -> dict[str, float | None]:
    """What the samples say; nothing where no prompt is sampled, since shares of none are no figures. `warn` is told of
    plug-ins that failed.
    """
    if not scores:
        return {}
    report = scorers.report(scores, plugins)
    for failure in report.failures:
        warn(failure)
    return dict(report.metrics)


def finite(metrics: Metrics) -> dict[str, float | None]:
    """The metrics with None for what is no finite number, for which JSON has no word."""
    return {name: value if value is None or math.isfinite(value) else None for name, value in metrics.items()}


def stage_of(record: Record) -> Path:
    """Where a staged checkpoint's files lie. Raises UimonError(DELETED) where there is none."""
    if record.stage is None or not record.stage.is_dir():
        sentence = f"The staged files of {record.name} are gone; `uimon retry {record.step}` stages it again."
        raise UimonError(Reason.DELETED, sentence)
    return record.stage


@dataclass(frozen=True, slots=True)
class _Generated:
    scored: list[tuple[Generation, scorers.Sample]]
    tokens: int
    seconds: float
    score_seconds: float


@dataclass(frozen=True, slots=True)
class _Measured:
    perplexity: Perplexity
    seconds: float


def _load(engine: Engine, suite: Suite, record: Record, base: Path | None, context: Context) -> Loaded:
    """The checkpoint's tokenizer checked, then its weights loaded; what is unusual about either is said.

    What a trainer may have changed meanwhile is loaded for nothing, and a failure to load it says no more than that.
    """
    stage = stage_of(record)
    context.report(Progress(record.step, "load"))
    crash_point("evaluation.loading")
    if changed := check_tokenizer(suite, record.name, stage):
        context.warn(changed)
    require_unchanged(record.name, stage, record.stamp)
    try:
        loaded = engine.load(stage, record.digest or "", record.kind, base)
    except UimonError:
        require_unchanged(record.name, stage, record.stamp)
        raise
    require_unchanged(record.name, stage, record.stamp)
    if loaded.note:
        (context.warn if loaded.alarming else context.note)(loaded.note)
    return loaded


def _generate(engine: Engine, suite: Suite, record: Record, context: Context) -> _Generated:
    """Generate, and score every finished sample while the engine goes on with the others."""
    scored: list[tuple[Generation, scorers.Sample]] = []
    total = len(suite.sampled) * suite.sampling.n
    started, scoring = context.timer(), 0.0
    if not total:
        return _Generated([], 0, 0.0, 0.0)
    context.report(Progress(record.step, "generate", 0, total))
    for generation in engine.generate(suite.sampled, suite.sampling, suite.stop_ids):
        begun = context.timer()
        context.scoring()
        answer = (generation.prompt_id, generation.text, generation.finish_reason)
        scored.append((generation, score_answer(*answer, context.plugins, context.theme)))
        scoring += context.timer() - begun
        context.report(Progress(record.step, "generate", len(scored), total))
        crash_point("evaluation.generating")
        if context.interrupted():
            raise Interrupted
    if len(scored) != total:
        sentence = f"The engine returned {len(scored)} of {total} samples; see engine/logs in the state directory."
        raise UimonError(Reason.ENGINE_ERROR, sentence)
    order = {prompt.id: position for position, prompt in enumerate(suite.prompts)}
    # The finished order depends on lengths; the suite's order makes evaluations comparable sample by sample.
    scored.sort(key=lambda pair: (order[pair[0].prompt_id], pair[0].index))
    return _Generated(scored, sum(g.tokens for g, _ in scored), context.timer() - started, scoring)


def _measure(engine: Engine, suite: Suite, record: Record, context: Context) -> _Measured:
    total = len(suite.sampled) * suite.sampling.n
    context.report(Progress(record.step, "perplexity", total, total))
    started = context.timer()
    perplexity = engine.perplexity(suite.prompts)
    return _Measured(perplexity, context.timer() - started)


def _pace(loaded: Loaded, generated: _Generated, measured: _Measured) -> Metrics:
    """What the evaluation took, in seconds, and how many sequences the engine computed side by side."""
    return {
        "uimon/swap_seconds": loaded.seconds,
        "uimon/generate_seconds": generated.seconds,
        "uimon/tokens_per_second": generated.tokens / generated.seconds if generated.seconds > 0 else None,
        "uimon/score_seconds": generated.score_seconds,
        "uimon/perplexity_seconds": measured.seconds,
        "uimon/max_num_seqs": loaded.max_num_seqs or None,
    }


def score_answer(
    prompt_id: str, text: str, finish_reason: str, plugins: Sequence[scorers.Plugin], theme: scorers.Theme | None
) -> scorers.Sample:
    """The measurements of what a model answered to a prompt, fresh or stored: there is no other way to them."""
    cut = finish_reason == "length"
    completion = scorers.Completion(text, truncated=cut, source=prompt_id, prompt=prompt_id)
    return scorers.score_sample(completion, plugins, theme=theme)


def _sample(made: Generation, score: scorers.Sample, suite: Suite) -> EvaluatedSample:
    prompt = next(p for p in suite.prompts if p.id == made.prompt_id)
    return EvaluatedSample(made.prompt_id, made.index, prompt.text, made.text, made.tokens, made.finish_reason, score)


def eval_row(evaluation: Evaluation, limits: TableLimits, occurred: Collection[str] = ()) -> Row:
    """The row for W&B: every metric that is defined and charted, the step for the x axis, the uid, and the table of
    samples. A rare count of 0 is charted only where it has `occurred` in the run before."""
    values: dict[str, JsonScalar] = {
        name: value
        for name, value in evaluation.metrics.items()
        if value is not None and scorers.is_logged(name) and (value or name in occurred or not scorers.is_rare(name))
    }
    values |= {
        "train/global_step": evaluation.step,
        f"{RowKind.EVAL}/uid": evaluation.uid,
        "eval/suite": evaluation.suite,
    }
    return Row(evaluation.uid, RowKind.EVAL, evaluation.step, values, _table(evaluation, limits))


def _table(evaluation: Evaluation, limits: TableLimits) -> Table | None:
    """The first samples, as many as the limits allow; the last row says how many the bytes left out."""
    shown = evaluation.samples[: limits.rows]
    rows: list[tuple[JsonScalar, ...]] = []
    room = limits.bytes
    for number, sample in enumerate(shown):
        row = _table_row(evaluation.step, number, sample)
        room -= sum(len(str(cell).encode(errors="replace")) for cell in row)
        if room < 0:
            left_out = f"… [{len(shown) - number} more samples: --table-kb is used up]"
            rows.append((evaluation.step, number, left_out, *[None] * (len(TABLE_COLUMNS) - 3)))
            break
        rows.append(row)
    return Table(TABLE_COLUMNS, tuple(rows)) if rows else None


def _table_row(step: int, number: int, sample: KeptSample) -> tuple[JsonScalar, ...]:
    score = sample.score
    errors = "; ".join(f"{error.place} {error.message}" for error in score.errors[:3])
    return (
        step,
        number,
        _cut(sample.prompt, TABLE_PROMPT_CHARS),
        _cut(sample.completion, TABLE_CODE_CHARS),
        "✓" if score.syntax_valid else "✗",
        score.num_colors,
        score.num_classes,
        str(score.outcome),
        sample.finish_reason,
        errors,
        score.extraction,
    )


def _cut(text: str, limit: int) -> str:
    """The text, or its beginning with a mark that says how much is missing.

    >>> _cut("abcdef", 3)
    'abc… [3 more characters]'
    """
    return text if len(text) <= limit else f"{text[:limit]}… [{len(text) - limit} more characters]"
