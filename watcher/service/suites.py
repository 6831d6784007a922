"""The suite in force: which prompts a run's checkpoints are asked, and with how much room for their answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from scorers import Plugin, Theme
from watcher.alerts.power import limits
from watcher.engine.types import ContextTooLong, PromptSpec, Sampling
from watcher.evaluation import evaluate as evaluation
from watcher.evaluation.suite import (
    Renderer,
    Suite,
    build_suite,
    earlier_digests,
    kept_suite,
    request_digest,
    requests_under,
    scored_by,
    shortened,
)
from watcher.ledger.ledger import Ledger, Record
from watcher.service.signals import log
from watcher.settings.config import Settings
from watcher.validation import ValFile


class SuiteEngine(Renderer, Protocol):
    """The engine as a suite uses it."""

    def reserve(self, prompts: Sequence[PromptSpec], sampling: Sampling, context: int) -> None:
        """What these prompts and their answers need."""
        ...


class SuiteInForce:
    """The one suite that all checkpoints of a run are evaluated with, as long as the request is the same."""

    def __init__(
        self,
        ledger: Ledger,
        settings: Settings,
        val: ValFile,
        plugins: Sequence[Plugin],
        theme: Theme | None = None,
    ) -> None:
        self._ledger = ledger
        self._settings = settings
        self._val = val
        self._plugins = plugins
        self._theme = theme
        self._suite: Suite | None = None

    def of(self, engine: SuiteEngine, record: Record, base: Path | None) -> Suite:
        """The suite that the ledger kept from an earlier start, or made of `record`, the first checkpoint evaluated;
        the engine that is to be asked it has room for it.

        Raises `UimonError` as `watcher.evaluation.suite.build_suite` does.
        """
        if self._suite is None:
            self._suite = self._kept() or self._built(engine, record, base)
            self._introduce(self._suite)
        engine.reserve(self._suite.prompts, self._suite.sampling, self._suite.context)
        return self._suite

    def shorten(self, engine: SuiteEngine, suite: Suite, error: ContextTooLong, *, used: bool) -> tuple[Suite, str]:
        """The suite with the context that the engine's cache holds, for this checkpoint and all later ones, and a
        sentence that says so.

        Raises `error` where the user chose the length, or evaluations of the longer one are there already (`used`, or
        in the ledger): theirs and the next ones would not compare.
        """
        chosen = self._settings.max_tokens or self._settings.max_model_len
        used = used or any(known.suite == suite.digest for known in self._ledger.evaluations())
        shorter = None if chosen or used else shortened(suite, error.fits)
        if shorter is None:
            raise error
        self._keep(shorter)
        self._suite = shorter
        engine.reserve(shorter.prompts, shorter.sampling, shorter.context)
        return shorter, (
            f"The engine's cache holds {shorter.context} tokens, fewer than prompts and answers of "
            f"{suite.sampling.max_tokens} tokens may take, so in this run answers end after "
            f"{shorter.sampling.max_tokens} tokens. --max-tokens sets their length; VLLM_CPU_KVCACHE_SPACE (CPU) or "
            "--gpu-memory-utilization gives the cache more memory."
        )

    def _kept(self) -> Suite | None:
        """The suite of an earlier start with the same request."""
        kept = self._ledger.suite(request_digest(self._settings, self._val, self._plugins, self._theme))
        if kept is not None:
            return kept_suite(kept)
        for request in earlier_digests(self._settings, self._val, self._plugins, self._theme):
            if (kept := self._ledger.suite(request)) is not None:
                log.warning(
                    "This run keeps the prompts that an earlier version of uimon rendered, so that its evaluations "
                    "stay comparable; with another --state-dir, this version renders them itself."
                )
                return kept_suite(kept)
        return self._scored_anew()

    def _scored_anew(self) -> Suite | None:
        """The suite of the same request under other scorers, with those of this start: an upgrade in the middle of a
        run changes what samples are taken for, not what is asked.
        """
        for request, digest, body in self._ledger.suites():
            before = kept_suite(body)
            if before is None or request not in requests_under(self._settings, self._val, before.scorer_version):
                continue
            suite = scored_by(before, self._plugins, self._theme)
            self._keep(suite)
            log.warning(
                "Scoring has changed (scorers %s, now %s), so suite %s follows suite %s, with the same prompts. %s",
                before.scorer_version,
                suite.scorer_version,
                suite.digest,
                digest,
                self._carried_over(suite),
            )
            return suite
        return None

    def _carried_over(self, suite: Suite) -> str:
        """How what was evaluated before gets into the suite, or that it is there."""
        if any(known.origin and known.suite == suite.digest for known in self._ledger.evaluations()):
            return "It already holds the earlier evaluations, scored again."
        scorers, themes = self._settings.scorers, self._settings.theme
        options = "".join([*(f" --scorer {name}" for name in scorers), *(f" --theme {name}" for name in themes)])
        return f"To carry the earlier evaluations over, stop uimon, run `uimon rescore{options}`, and start it again."

    def _built(self, engine: SuiteEngine, record: Record, base: Path | None) -> Suite:
        stage = evaluation.stage_of(record)
        suite = build_suite(self._settings, self._val, engine, stage, base, self._plugins, log.warning, self._theme)
        self._keep(suite)
        return suite

    def _keep(self, suite: Suite) -> None:
        request = request_digest(self._settings, self._val, self._plugins, self._theme)
        self._ledger.keep_suite(request, suite.digest, suite.to_json())

    def _introduce(self, suite: Suite) -> None:
        log.info("Suite %s: %d prompts of %s.", suite.digest, len(suite.prompts), self._val.path)
        for sentence in peculiarities(suite):
            log.warning("%s", sentence)
        if len(suite.prompts) < self._settings.samples:
            log.warning("--samples asks for %d prompts, and %d are usable.", self._settings.samples, len(suite.prompts))
        for sentence in limits(len(suite.sampled), self._settings.alerts, suite.sampling.n) if suite.sampled else ():
            log.info("Early warnings: %s", sentence)


def peculiarities(suite: Suite) -> list[str]:
    """What a person should know of the prompts before reading their numbers, a sentence each."""
    measured = len(suite.prompts) - len(suite.sampled)
    seams = sum(p.sampled and len(p.prefix_ids or ()) > 1 for p in suite.prompts)
    said = []
    if measured:
        said.append(
            f"{measured} of {len(suite.prompts)} texts are measured and not sampled, since nothing says where a prompt "
            "in them ends; name what ends it with --val-format 'text:MARKER'."
        )
    if not suite.sampled:
        said.append("No prompt is sampled, so uimon logs perplexity alone, and warns of that alone.")
    if seams:
        said.append(
            f"{seams} prompts end differently when their reference follows: the template or the tokenizer renders a "
            "finished conversation in another way. Perplexity uses the finished one, as training does; samples "
            "continue the prompt."
        )
    return said
