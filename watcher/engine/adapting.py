"""How adapters get into an engine: over their base, or merged into it.

The engine is started on the base once, then each adapter gets a name of its own. What vLLM cannot apply is merged into
the base and goes the way of a full checkpoint (`loading`). The two ways differ in the last bits, so one run has only
one of them.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from watcher.engine.evidence import AdapterMode
from watcher.engine.loading import Loader, LoadWay
from watcher.engine.merge import Merge
from watcher.engine.model_files.adapters import AdapterInfo, check_adapter, engine_rank, is_untrained
from watcher.engine.model_files.inventory import Inventory, is_mixture
from watcher.engine.model_files.reader import Reader
from watcher.engine.protocol import LoadLora
from watcher.engine.serving import Serving
from watcher.engine.types import EngineSettings
from watcher.model import Reason, UimonError


class AdapterLoader:
    """Loads adapters; what has to be merged goes through `loader` as the full model that it is then."""

    def __init__(self, settings: EngineSettings, serving: Serving, loader: Loader) -> None:
        self._settings = settings
        self._serving = serving
        self._loader = loader
        self._reader = Reader(settings.state_dir / "views", serving.require_uninterrupted)
        self._merge: Merge | None = None

    def interrupt(self) -> None:
        """End a merge that is going on; for another thread than the engine's."""
        merge = self._merge
        if merge is not None:
            merge.interrupt()

    def load(self, path: Path, digest: str, base: Path | None) -> LoadWay:
        """Serve an adapter, over its base or merged into it."""
        if base is None:
            raise UimonError(Reason.BASE_MODEL_MISSING, f"{path}: an adapter needs its base; name its directory.")
        base = base.resolve()
        with self._reader.adapter(path, base) as read:
            way = self._load_fitted(read.fitted.path, digest, read.origin, base)
            return replace(way, note=read.said(way.note))

    def _load_fitted(self, path: Path, digest: str, origin: Inventory, base: Path) -> LoadWay:
        """Serve an adapter whose names are those of `origin`, which is read from the user's `base`."""
        adapter = check_adapter(path, origin)
        self._serving.evidence.require_base(base)
        why = adapter.merge or self._why_no_lora(origin)
        served = self._adapter_way(path, why)
        way: LoadWay | None = None
        if served == "lora":
            try:
                way = self._loader.noted(self._load_lora(path, digest, origin, adapter))
            except UimonError as error:
                if error.reason is not Reason.ADAPTER_UNSUPPORTED:
                    raise
                why = error.sentence
                served = self._adapter_way(path, why)
        if way is None:
            way = self._load_merged(path, digest, origin, why)
        self._serving.evidence.settle(served)
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

    def _adapter_way(self, path: Path, why_merge: str) -> AdapterMode:
        """How an adapter is served that has to be merged because `why_merge`, or need not where that is empty.

        Raises `UimonError` (`adapter_unsupported`) where it would have to be merged and may not be.
        """
        settled, never = self._serving.evidence.adapters, self._settings.swap == "lora"
        due: AdapterMode = settled or ("merged" if why_merge else "lora")
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

    def _load_lora(self, path: Path, digest: str, origin: Inventory, adapter: AdapterInfo) -> LoadWay:
        """Put an adapter over its base in the living engine, or in a fresh one."""
        rank = engine_rank(adapter.rank)
        before = self._serving.held
        if (
            before is None
            or before.origin != origin
            or before.rank < rank
            or before.context != self._serving.context_due
            or self._settings.swap == "cold"
        ):
            self._cold_lora(path, digest, origin, adapter)
            return LoadWay("cold")
        self._adapt(path, digest, adapter)
        if digest != before.digest and self._serving.now.probe == before.probe:
            self._cold_lora(path, digest, origin, adapter)
            return LoadWay("cold", "The probe did not change with the adapter; a fresh engine settled it.")
        return LoadWay("lora")

    def _cold_lora(self, path: Path, digest: str, origin: Inventory, adapter: AdapterInfo) -> None:
        self._serving.start(origin, "base", rank=engine_rank(adapter.rank), tokenizers=(path,))
        self._adapt(path, digest, adapter)

    def _adapt(self, path: Path, digest: str, adapter: AdapterInfo) -> None:
        live = self._serving.now
        number = live.adapters + 1
        # Counted before it is tried: a number that vLLM has seen must not come again, whatever became of it.
        self._serving.hold(replace(live, adapters=number))
        probe = self._serving.load(LoadLora(path, number), self._settings.deadlines.warm, adapter.bytes).probe
        assert probe is not None
        if probe == live.base_probe and not is_untrained(adapter):
            raise UimonError(
                Reason.STALE_WEIGHTS,
                f"{path}: with the adapter the engine answers exactly as without; it has no effect.",
            )
        self._serving.hold(replace(live, adapters=number, digest=digest, probe=probe))

    def _load_merged(self, path: Path, digest: str, origin: Inventory, why: str) -> LoadWay:
        """Merge an adapter into its base and serve the result as a full model."""
        place = self._settings.state_dir / "merged"
        # What a killed process left behind goes too.
        shutil.rmtree(place, ignore_errors=True)
        target = place / digest
        try:
            self._merge = Merge(origin.path, path, target, self._settings, origin.bytes)
            self._serving.require_uninterrupted()
            self._merge.run()
            way = self._loader.load_full(target, digest, path, origin.path)
        except UimonError as error:
            # What was merged is uimon's own and gone with the error.
            error.rename(target.with_name(f"{digest}.partial"), path)
            error.rename(target, path)
            raise
        finally:
            self._merge = None
            shutil.rmtree(place, ignore_errors=True)
        return way if way.note else replace(way, note=f"The adapter was merged into its base: {why}.")
