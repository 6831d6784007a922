"""How weights get into an engine, and what proves that they are in it.

A full checkpoint's way: its headers are compared with those of the checkpoint that the engine was started from
(`guard`). Broken: refused before the engine hears of it. A legitimately other model, or one whose weights cannot be
changed in place: a fresh host. Otherwise the weights are changed in place and probed. The first change in place with
a kind of engine (`types.Setup`) is thrown away and repeated by a fresh engine, and only if both give the same
log-probabilities is the way trusted from then on; a wrong way can be stable, so comparing it with itself would show
nothing. The comparison is kept (`evidence`), so a restart does not repeat it.

An adapter's way: the engine is started on the base once, then each adapter gets a name of its own. What vLLM cannot
apply is merged into the base and goes the way of a full checkpoint. The two ways differ in the last bits, so one run
has only one of them.

Either way what is loaded is what `reader` makes of the directory: the model's own files, under the names that the
engine knows.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from watcher.engine.environment import vllm_variables
from watcher.engine.evidence import AdapterWay, Evidence, Parity, Served
from watcher.engine.hosting import Hosting
from watcher.engine.launch import STEP_TOKENS, Demand, sequences_for, vllm_arguments
from watcher.engine.merge import Merge
from watcher.engine.model_files.adapters import AdapterInfo, check_adapter, engine_rank, is_untrained
from watcher.engine.model_files.guard import Fit, Inventory, cold_only, compare, is_mixture, read_inventory
from watcher.engine.model_files.reader import Reader
from watcher.engine.model_files.tokenizer_files import has_tokenizer
from watcher.engine.protocol import Adapter, Check, CheckDone, Cold, Compared, LoadDone, Warm
from watcher.engine.types import EngineSettings, Setup, Swap
from watcher.model import Reason, UimonError

Probe = tuple[float, ...]
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
class Live:
    """What the host with the process id `host` holds. `origin`: the headers it was started from, for an adapter the
    base's.

    `probe` belongs to the weights named by `digest`, `base_probe` to `origin` itself. `rank` is 0 without adapters.
    `sequences` is the engine's max_num_seqs. `checked`: that no tensor of `origin` is missing, by transformers.
    `compared`: what the engine was found to serve of `origin`.
    """

    host: int
    origin: Inventory
    setup: Setup
    digest: str
    probe: Probe
    base_probe: Probe
    rank: int
    context: int | None
    sequences: int
    checked: bool = True
    compared: Compared = field(default_factory=Compared)
    adapters: int = 0


@dataclass(frozen=True, slots=True)
class Way:
    """The way that a load went, with the note about it."""

    swap: Swap
    note: str = ""
    alarming: bool = False


class Loader:
    """Loads into the host of `hosting`, and knows what that host holds. After a failed load it holds nothing known.

    `demand` is what the next engine is started for; None leaves it to vLLM.
    """

    def __init__(self, settings: EngineSettings, hosting: Hosting) -> None:
        self._settings = settings
        self._hosting = hosting
        self._evidence = Evidence(settings.state_dir / "evidence.json")
        self._arguments: Mapping[str, object] | None = None
        self._live: Live | None = None
        self._merge: Merge | None = None
        self._reader = Reader(settings.state_dir / "views", hosting.require_uninterrupted)
        self.demand: Demand | None = None

    @property
    def live(self) -> Live | None:
        """What the living host holds; None where it holds nothing, or none lives."""
        live = self._live
        return live if live is not None and self._hosting.alive and live.host == self._hosting.pid else None

    def interrupt(self) -> None:
        """End a merge that is going on; for another thread than the engine's."""
        merge = self._merge
        if merge is not None:
            merge.interrupt()

    def check_arguments(self) -> Mapping[str, object]:
        """The user's own arguments as vLLM's parser reads them; no GPU is touched.

        Raises `UimonError`: `config_invalid` where vLLM or uimon refuses one, engine failures.
        """
        if self._arguments is None:
            given: Mapping[str, object] = {}
            if self._settings.engine_args:
                reply = self._hosting.ask(Check(self._settings.engine_args), self._settings.deadlines.start)
                assert isinstance(reply, CheckDone)
                given = reply.arguments
            self._arguments = given
        return self._arguments

    def load_full(self, path: Path, digest: str, *tokenizers: Path) -> Way:
        """Load a full model, in place where that is allowed. `tokenizers` are directories that may hold its own."""
        with self._reader.full(path) as view:
            return self._noted(self._load_view(view, digest, *tokenizers, path))

    def _noted(self, way: Way) -> Way:
        """The way, with a word about a fresh engine whose weights could not be compared, or are not all in use."""
        if way.swap != "cold":
            return way
        words = [way.note, "" if self._now.checked else _UNCHECKED, _beside_the_files(self._now.compared)]
        return replace(way, note=" ".join(filter(None, words)))

    def _load_view(self, path: Path, digest: str, *tokenizers: Path) -> Way:
        candidate = read_inventory(path)
        way = self._why_cold(candidate)
        if way is not None:
            self._cold(candidate, digest, tokenizers=tokenizers)
            return way
        before = self._now
        try:
            done = self._probe(Warm(path, digest), self._settings.deadlines.warm, candidate.bytes)
        except UimonError as error:
            if error.reason is Reason.INTERRUPTED:
                raise
            # A NaN, too, may be the change's and not the checkpoint's; the fresh engine tells.
            self._cold(candidate, digest, tokenizers=tokenizers)
            return Way("cold", f"The change in place failed ({error.sentence})", alarming=True)
        warm, stale = done.probe, done.compared.strange
        assert warm is not None
        # A head that equaled the embeddings at the start was given up for them, and is passed over ever after.
        passed_over = sorted(set(done.compared.unused) - set(before.compared.unused))
        proved = self._evidence.parity(before.setup) is not None
        # Equal bytes have to give equal answers, and other bytes others.
        unsurprising = (digest == before.digest) == (warm == before.probe)
        if not stale and not passed_over and unsurprising and (proved or digest == before.digest):
            self._live = replace(before, digest=digest, probe=warm)
            return Way("warm")
        self._cold(candidate, digest, tokenizers=tokenizers)
        if stale:
            self._keep_parity(before, warm, equal=False)
            return Way("cold", f"The change in place left {stale[0]} as it was. " + _FRESH_EACH, alarming=True)
        if passed_over:
            return Way("cold", f"The change in place skipped {passed_over[0]}; a fresh engine settled it.")
        if warm == before.probe:
            # Either the trainer changed nothing that shows, or the old weights were still served. Both end here.
            return Way("cold", "The probe did not change with the weights; a fresh engine settled it.")
        if digest == before.digest and self._now.probe == before.probe:
            self._keep_parity(before, warm, equal=False)
            return Way("cold", "The probe changed although the weights did not. " + _FRESH_EACH, alarming=True)
        return self._prove(before, warm)

    def _why_cold(self, candidate: Inventory) -> Way | None:
        """Why `candidate` needs a fresh engine, without a note for an ordinary first start; None where it may follow
        in place.

        Raises `UimonError` (`weights_refused`) where the candidate is broken.
        """
        live, policy = self.live, self._settings.swap
        if live is None or live.rank:
            return Way("cold")
        verdict = compare(live.origin, candidate)
        if verdict.fit is Fit.DIFFERENT:
            return Way("cold", verdict.why)
        if policy == "cold":
            return Way("cold", "Each checkpoint gets a fresh engine by setting.")
        if self._context_due != live.context:
            return Way("cold", "The prompts need more context than the engine was started with.")
        known = self._evidence.parity(live.setup)
        if known is not None and not known.equal:
            note = f"Changing weights in place gave other results than a fresh engine here ({known.at}), so each"
            return Way("cold", f"{note} checkpoint gets a fresh engine.", alarming=True)
        why = None if policy == "warm" else cold_only(candidate.config, self.check_arguments())
        return Way("cold", why) if why else None

    def _prove(self, before: Live, warm: Probe) -> Way:
        """Compare what a change in place gave with the fresh engine that now lives, and remember the outcome."""
        parity = self._keep_parity(before, warm, equal=before.setup == self._now.setup)
        allowed = f"{parity.tolerance:.2g} nats"
        if parity.equal:
            return Way("cold", f"The first change in place equals a fresh engine (within {allowed}).")
        note = f"The first change in place differs from a fresh engine by {parity.apart:.2g} nats ({allowed} allowed). "
        return Way("cold", note + _FRESH_EACH, alarming=True)

    def _keep_parity(self, before: Live, warm: Probe, *, equal: bool) -> Parity:
        """Remember how far a change in place was from the fresh engine that now lives; `equal` where it may be."""
        fresh = self._now
        apart, moved = _distance(warm, fresh.probe), _distance(before.probe, fresh.probe)
        tolerance = parity_tolerance(fresh.setup, moved)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        parity = Parity(
            fresh.setup, equal and apart <= tolerance, apart, moved, tolerance, before.digest, fresh.digest, now
        )
        self._evidence.keep(parity)
        return parity

    def _cold(self, origin: Inventory, digest: str, *, rank: int = 0, tokenizers: Sequence[Path] = ()) -> None:
        """Start a fresh engine on `origin` and certify it."""
        if self.live is not None:
            self._hosting.close()
        context, sequences = self._context_due, self._sequences(origin)
        tokenizer = self._tokenizer_for(*tokenizers, origin.path)
        args = vllm_arguments(self._settings, origin, tokenizer, context, sequences, rank)
        command = Cold(args, self._settings.engine_args, digest)
        done = self._probe(command, self._settings.deadlines.cold, origin.bytes)
        assert done.probe is not None
        assert self._hosting.pid is not None
        setup = replace(done.setup, environment=vllm_variables())
        self._live = Live(
            *(self._hosting.pid, origin, setup, digest, done.probe, done.probe, rank, context, sequences),
            checked=done.checked,
            compared=done.compared,
        )

    # Adapters

    def load_adapter(self, path: Path, digest: str, base: Path | None) -> Way:
        """Serve an adapter, over its base or merged into it."""
        if base is None:
            raise UimonError(Reason.BASE_MODEL_MISSING, f"{path}: an adapter needs its base; name its directory.")
        base = base.resolve()
        with self._reader.adapter(path, base) as read:
            way = self._load_fitted(read.fitted.path, digest, read.origin, base)
            return replace(way, note=read.said(way.note))

    def _load_fitted(self, path: Path, digest: str, origin: Inventory, base: Path) -> Way:
        """Serve an adapter whose names are those of `origin`, which is read from the user's `base`."""
        adapter = check_adapter(path, origin)
        self._evidence.require_base(base)
        why = adapter.merge or self._why_no_lora(origin)
        served = self._adapter_way(path, why)
        way: Way | None = None
        if served == "lora":
            try:
                way = self._noted(self._load_lora(path, digest, origin, adapter))
            except UimonError as error:
                if error.reason is not Reason.ADAPTER_UNSUPPORTED:
                    raise
                why = error.sentence
                served = self._adapter_way(path, why)
        if way is None:
            way = self._load_merged(path, digest, origin, why)
        self._evidence.settle(served)
        return way

    def _why_no_lora(self, origin: Inventory) -> str:
        """Why vLLM cannot put any adapter over this base here; empty where it can."""
        # With adapters allowed, vLLM computes experts by kernels that only a GPU has (triton).
        return (
            "the base is a mixture of experts, and this is a CPU" if self._on_cpu and is_mixture(origin.config) else ""
        )

    @property
    def _on_cpu(self) -> bool:
        return self._settings.gpu_bytes is None

    def _adapter_way(self, path: Path, why_merge: str) -> AdapterWay:
        """How an adapter is served that has to be merged because `why_merge`, or need not where that is empty.

        Raises `UimonError` (`adapter_unsupported`) where it would have to be merged and may not be.
        """
        settled, never = self._evidence.adapters, self._settings.swap == "lora"
        due: AdapterWay = settled or ("merged" if why_merge else "lora")
        if due == "lora" and not why_merge:
            return "lora"
        if due == "merged" and not never:
            return "merged"
        what = (
            f"vLLM cannot apply this adapter ({why_merge})" if why_merge else "this run's earlier adapters were merged"
        )
        forbidden = "this run's earlier adapters were served over their base, and merged ones would not compare"
        if due == "merged":
            forbidden = "--swap lora forbids merging; use --swap auto, or another --state-dir for adapters of one kind"
        raise UimonError(Reason.ADAPTER_UNSUPPORTED, f"{path}: {what}, and {forbidden}.")

    def _load_lora(self, path: Path, digest: str, origin: Inventory, adapter: AdapterInfo) -> Way:
        """Put an adapter over its base in the living engine, or in a fresh one."""
        rank = engine_rank(adapter.rank)
        before = self.live
        if (
            before is None
            or before.origin != origin
            or before.rank < rank
            or before.context != self._context_due
            or self._settings.swap == "cold"
        ):
            self._cold_lora(path, digest, origin, adapter)
            return Way("cold")
        self._adapt(path, digest, adapter)
        if digest != before.digest and self._now.probe == before.probe:
            self._cold_lora(path, digest, origin, adapter)
            return Way("cold", "The probe did not change with the adapter; a fresh engine settled it.")
        return Way("lora")

    def _cold_lora(self, path: Path, digest: str, origin: Inventory, adapter: AdapterInfo) -> None:
        self._cold(origin, "base", rank=engine_rank(adapter.rank), tokenizers=(path,))
        self._adapt(path, digest, adapter)

    def _adapt(self, path: Path, digest: str, adapter: AdapterInfo) -> None:
        live = self._now
        number = live.adapters + 1
        # Counted before it is tried: a number that vLLM has seen must not come again, whatever became of it.
        self._live = replace(live, adapters=number)
        probe = self._probe(Adapter(path, number), self._settings.deadlines.warm, adapter.bytes).probe
        assert probe is not None
        if probe == live.base_probe and not is_untrained(adapter):
            raise UimonError(
                Reason.STALE_WEIGHTS,
                f"{path}: with the adapter the engine answers exactly as without; it has no effect.",
            )
        self._live = replace(live, adapters=number, digest=digest, probe=probe)

    def _load_merged(self, path: Path, digest: str, origin: Inventory, why: str) -> Way:
        """Merge an adapter into its base and serve the result as a full model."""
        place = self._settings.state_dir / "merged"
        # What a killed process left behind goes too.
        shutil.rmtree(place, ignore_errors=True)
        target = place / digest
        try:
            self._merge = Merge(origin.path, path, target, self._settings, origin.bytes)
            self._hosting.require_uninterrupted()
            self._merge.run()
            way = self.load_full(target, digest, path, origin.path)
        except UimonError as error:
            # What was merged is uimon's own and gone with the error.
            error.rename(target.with_name(f"{digest}.partial"), path)
            error.rename(target, path)
            raise
        finally:
            self._merge = None
            shutil.rmtree(place, ignore_errors=True)
        return way if way.note else replace(way, note=f"The adapter was merged into its base: {why}.")

    # The engine

    @property
    def _now(self) -> Live:
        live = self.live
        assert live is not None
        return live

    def _probe(self, command: Cold | Warm | Adapter, seconds: float, size: int) -> LoadDone:
        """Have the host load something of `size` bytes. Raises `UimonError`; after `non_finite` the host is dead."""
        reply = self._hosting.ask(command, self._settings.deadlines.load(seconds, size))
        assert isinstance(reply, LoadDone)
        where = command.args["model"] if isinstance(command, Cold) else command.path
        if reply.otherwise:
            self._hosting.close()
            raise UimonError(Reason.WEIGHTS_REFUSED, f"{where}: {reply.otherwise}, so it is not evaluated here.")
        if reply.compared.strange and not isinstance(command, Warm):
            self._hosting.close()
            raise UimonError(Reason.WEIGHTS_REFUSED, _foreign(where, reply.compared.strange))
        if reply.probe is None:
            # A NaN stays in the cache's memory and would come back under the next, healthy weights.
            self._hosting.close()
            raise UimonError(
                Reason.NON_FINITE, f"{where}: the model answers with NaN or infinity; training has diverged here."
            )
        if not reply.compared.strange:
            adapter = isinstance(command, Adapter)
            self._evidence.note(Served.of(reply.setup, reply.compared, adapter=adapter))
        return reply

    @property
    def _context_due(self) -> int | None:
        """The context to start an engine with, in tokens; None leaves it to vLLM."""
        return self._settings.max_model_len or (self.demand.context if self.demand is not None else None)

    def _sequences(self, origin: Inventory) -> int:
        """How many samples the next engine is to generate at the same time."""
        samples = self.demand.samples if self.demand is not None else STEP_TOKENS
        sequences = sequences_for(self._settings, origin, self._context_due, samples)
        return max(1, sequences // 2) if self._hosting.ran_out_of_memory else sequences

    def _tokenizer_for(self, *places: Path) -> Path:
        """The settings' tokenizer, else the first directory of `places` that holds one."""
        named = self._settings.tokenizer
        for path in (named,) if named is not None else places:
            if has_tokenizer(path):
                return path
        raise UimonError(
            Reason.TOKENIZER_MISSING,
            f"{named or places[-1]}: there is no tokenizer here; name a directory that has it with --tokenizer.",
        )


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


def _foreign(where: object, strange: Sequence[str]) -> str:
    """The sentence for weights that are served and lie in no file."""
    more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
    return (
        f"{where}: vLLM serves {strange[0]}{more} with other values than the files hold, so uimon does not evaluate "
        "it; use another version of vLLM, or save the weights in another way."
    )


def _distance(one: Probe, other: Probe) -> float:
    """The largest difference between two probes, in nats."""
    return max(abs(a - b) for a, b in zip(one, other, strict=True))
