"""How the weights of a full model get into an engine, and what proves that they are in it.

The headers of a checkpoint are compared with those of the checkpoint that the engine was started from (`inventory`).
Broken: refused before the engine hears of it. A legitimately other model, or one whose weights cannot be changed in
place: a fresh host. Otherwise the weights are changed in place and probed. The first change in place with a kind of
engine (`types.Setup`) is thrown away and repeated by a fresh engine, and only if both give the same log-probabilities
is the way trusted from then on; a wrong way can be stable, so comparing it with itself would show nothing. The
comparison is kept (`evidence`), so a restart does not repeat it.

What is loaded is what `reader` makes of the directory: the model's own files, under the names that the engine knows.
Adapters go another way (`adapting`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from watcher.engine.evidence import Parity
from watcher.engine.model_files.inventory import Fit, Inventory, cold_only, compare, read_inventory
from watcher.engine.model_files.reader import Reader
from watcher.engine.protocol import Compared, ReloadWeights
from watcher.engine.serving import Live, Probe, Serving
from watcher.engine.types import EngineSettings, Setup, Swap
from watcher.model import Reason, UimonError

# On a GPU a warm change agrees with a fresh engine if their largest difference is at most this share of the
# difference between the two checkpoints, and at most this many nats: two engines may choose other kernels, which
# differ as bf16 does from fp32 (0.04 nats at most on small models). On a CPU they are equal to the last bit.
_PARITY_SHARE = 0.05
_PARITY_NATS = {"float32": 1e-4}
_PARITY_NATS_16_BIT = 0.04
_FRESH_EACH = "From now on each checkpoint gets a fresh engine; delete engine/evidence.json to try again."

# What is computed anew, is a mask, or is no part of answers to text: towers, and heads for further tokens.
_IDLE = re.compile(
    r"inv_freq|masked_bias|\.attn\.bias$|\.attention\.bias$|vis|audio|image|video|multi_?modal|projector|merger|mtp"
)
_UNCHECKED = "Only vLLM's own check looked for missing tensors: transformers cannot compare this kind of checkpoint."


@dataclass(frozen=True, slots=True)
class LoadWay:
    """The way that a load went, with the note about it."""

    swap: Swap
    note: str = ""
    alarming: bool = False


class Loader:
    """Loads full models. After a failed load the host holds nothing known."""

    def __init__(self, settings: EngineSettings, serving: Serving) -> None:
        self._settings = settings
        self._serving = serving
        self._reader = Reader(settings.state_dir / "views", serving.require_uninterrupted)

    def load_full(self, path: Path, digest: str, *tokenizers: Path) -> LoadWay:
        """Load a full model, in place where that is allowed. `tokenizers` are directories that may hold its own."""
        with self._reader.full(path) as view:
            return self.noted(self._load_view(view, digest, *tokenizers, path))

    def noted(self, way: LoadWay) -> LoadWay:
        """The way, with a word about a fresh engine whose weights could not be compared, or are not all in use."""
        if way.swap != "cold":
            return way
        live = self._serving.now
        words = [way.note, "" if live.checked else _UNCHECKED, _beside_the_files(live.compared)]
        return replace(way, note=" ".join(filter(None, words)))

    def _load_view(self, path: Path, digest: str, *tokenizers: Path) -> LoadWay:
        candidate = read_inventory(path)
        way = self._why_cold(candidate)
        if way is not None:
            self._serving.start(candidate, digest, tokenizers=tokenizers)
            return way
        before = self._serving.now
        try:
            done = self._serving.load(ReloadWeights(path, digest), self._settings.deadlines.warm, candidate.bytes)
        except UimonError as error:
            if error.reason is Reason.INTERRUPTED:
                raise
            # A NaN, too, may be the change's and not the checkpoint's; the fresh engine tells.
            self._serving.start(candidate, digest, tokenizers=tokenizers)
            return LoadWay("cold", f"The change in place failed ({error.sentence})", alarming=True)
        warm, stale = done.probe, done.compared.strange
        assert warm is not None
        # A head that equaled the embeddings at the start was given up for them, and is passed over ever after.
        passed_over = sorted(set(done.compared.unused) - set(before.compared.unused))
        proved = self._serving.evidence.parity(before.setup) is not None
        # Equal bytes have to give equal answers, and other bytes others.
        unsurprising = (digest == before.digest) == (warm == before.probe)
        if not stale and not passed_over and unsurprising and (proved or digest == before.digest):
            self._serving.hold(replace(before, digest=digest, probe=warm))
            return LoadWay("warm")
        self._serving.start(candidate, digest, tokenizers=tokenizers)
        if stale:
            self._keep_parity(before, warm, equal=False)
            return LoadWay("cold", f"The change in place left {stale[0]} as it was. " + _FRESH_EACH, alarming=True)
        if passed_over:
            return LoadWay("cold", f"The change in place skipped {passed_over[0]}; a fresh engine settled it.")
        if warm == before.probe:
            # Either the trainer changed nothing that shows, or the old weights were still served. Both end here.
            return LoadWay("cold", "The probe did not change with the weights; a fresh engine settled it.")
        if digest == before.digest and self._serving.now.probe == before.probe:
            self._keep_parity(before, warm, equal=False)
            return LoadWay("cold", "The probe changed although the weights did not. " + _FRESH_EACH, alarming=True)
        return self._prove(before, warm)

    def _why_cold(self, candidate: Inventory) -> LoadWay | None:
        """Why `candidate` needs a fresh engine, without a note for an ordinary first start; None where it may follow
        in place.

        Raises `UimonError` (`weights_refused`) where the candidate is broken.
        """
        live, policy = self._serving.held, self._settings.swap
        if live is None or live.rank:
            return LoadWay("cold")
        verdict = compare(live.origin, candidate)
        if verdict.fit is Fit.DIFFERENT:
            return LoadWay("cold", verdict.why)
        if policy == "cold":
            return LoadWay("cold", "Each checkpoint gets a fresh engine by setting.")
        if self._serving.context_due != live.context:
            return LoadWay("cold", "The prompts need more context than the engine was started with.")
        known = self._serving.evidence.parity(live.setup)
        if known is not None and not known.equal:
            note = f"Changing weights in place gave other results than a fresh engine here ({known.at}), so each"
            return LoadWay("cold", f"{note} checkpoint gets a fresh engine.", alarming=True)
        why = None if policy == "warm" else cold_only(candidate.config, self._serving.check_arguments())
        return LoadWay("cold", why) if why else None

    def _prove(self, before: Live, warm: Probe) -> LoadWay:
        """Compare what a change in place gave with the fresh engine that now lives, and remember the outcome."""
        parity = self._keep_parity(before, warm, equal=before.setup == self._serving.now.setup)
        allowed = f"{parity.tolerance:.2g} nats"
        if parity.equal:
            return LoadWay("cold", f"The first change in place equals a fresh engine (within {allowed}).")
        note = f"The first change in place differs from a fresh engine by {parity.apart:.2g} nats ({allowed} allowed). "
        return LoadWay("cold", note + _FRESH_EACH, alarming=True)

    def _keep_parity(self, before: Live, warm: Probe, *, equal: bool) -> Parity:
        """Remember how far a change in place was from the fresh engine that now lives; `equal` where it may be."""
        fresh = self._serving.now
        apart, moved = _distance(warm, fresh.probe), _distance(before.probe, fresh.probe)
        tolerance = parity_tolerance(fresh.setup, moved)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        parity = Parity(
            fresh.setup, equal and apart <= tolerance, apart, moved, tolerance, before.digest, fresh.digest, now
        )
        self._serving.evidence.keep(parity)
        return parity


def parity_tolerance(setup: Setup, moved: float) -> float:
    """How far, in nats, a change in place may be from a fresh engine that is `moved` from the former weights."""
    if setup.platform == "cpu":
        return 0.0
    return min(_PARITY_NATS.get(setup.dtype, _PARITY_NATS_16_BIT), _PARITY_SHARE * moved)


def _beside_the_files(compared: Compared) -> str:
    """A sentence where what is served was not compared with the files, or does not use all that they hold."""
    if compared.why_not:
        return f"What is served could not be compared with the files: {compared.why_not}."
    if compared.other_forms:
        # Which tensors those are made of, nobody can tell, so of none it can be said that it is not used.
        kinds = ", ".join(compared.other_forms)
        return (
            f"vLLM keeps {kinds} in a form of its own, which cannot be compared with the files; everything else "
            "matches them."
        )
    trained = [name for name in compared.unused if not _IDLE.search(name)]
    if not trained:
        return ""
    return f"vLLM does not use {len(trained)} tensors of the files ({trained[0]}, …)."


def _distance(one: Probe, other: Probe) -> float:
    """The largest difference between two probes, in nats."""
    return max(abs(a - b) for a, b in zip(one, other, strict=True))
