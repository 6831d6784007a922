"""What the engine's host holds, and whether it may answer for it: the one place that knows what is served.

Weights are served from the moment at which a load of them has come to its good end (`certify`) to the beginning of the
next one (`withdraw`), while the host that holds them lives. A refused load leaves the host with the weights of the one
before: these are held, so that the next load may follow in place, and nothing is served.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from watcher.engine.environment import vllm_variables
from watcher.engine.evidence import Evidence, ServedTensors
from watcher.engine.hosting import Hosting
from watcher.engine.launch import STEP_TOKENS, Demand, sequences_for, vllm_arguments
from watcher.engine.model_files.inventory import Inventory
from watcher.engine.model_files.tokenizer_files import has_tokenizer
from watcher.engine.protocol import (
    CheckArguments,
    CheckArgumentsDone,
    Compared,
    LoadDone,
    LoadLora,
    LoadModel,
    ReloadWeights,
)
from watcher.engine.types import EngineSettings, Setup
from watcher.model import Reason, UimonError

Probe = tuple[float, ...]


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


class Serving:
    """The host of `hosting` with what it holds. Fresh engines are started here, and every load is proven here.

    `demand` is what the next engine is started for; None leaves it to vLLM.
    """

    def __init__(self, settings: EngineSettings, hosting: Hosting) -> None:
        self._settings = settings
        self._hosting = hosting
        self._arguments: Mapping[str, object] | None = None
        self._live: Live | None = None
        self._certified = False
        self.evidence = Evidence(settings.state_dir / "evidence.json")
        self.demand: Demand | None = None

    @property
    def held(self) -> Live | None:
        """What the living host holds, be it what was asked for or not; None where it holds nothing, or none lives."""
        live = self._live
        return live if live is not None and self._hosting.alive and live.host == self._hosting.pid else None

    @property
    def served(self) -> Live | None:
        """What the host may answer for; None where no certified weights are loaded."""
        return self.held if self._certified else None

    @property
    def now(self) -> Live:
        """What the host holds, which a load has just put there."""
        live = self.held
        assert live is not None
        return live

    def require_uninterrupted(self) -> None:
        """Raises `UimonError` (`interrupted`) once the engine was told to stop."""
        self._hosting.require_uninterrupted()

    def withdraw(self) -> None:
        """Nothing is served until the next load is certified."""
        self._certified = False

    def certify(self) -> Live:
        """What the host holds is what was asked for; it is served from here on."""
        self._certified = True
        return self.now

    def hold(self, live: Live) -> None:
        """The host's weights were changed in place."""
        self._live = live

    def check_arguments(self) -> Mapping[str, object]:
        """The user's own arguments as vLLM's parser reads them; no GPU is touched.

        Raises `UimonError`: `config_invalid` where vLLM or uimon refuses one, engine failures.
        """
        if self._arguments is None:
            given: Mapping[str, object] = {}
            if self._settings.engine_args:
                reply = self._hosting.ask(CheckArguments(self._settings.engine_args), self._settings.deadlines.start)
                assert isinstance(reply, CheckArgumentsDone)
                given = reply.arguments
            self._arguments = given
        return self._arguments

    def start(self, origin: Inventory, digest: str, *, rank: int = 0, tokenizers: Sequence[Path] = ()) -> None:
        """Start a fresh engine on `origin` and certify it."""
        if self.held is not None:
            self._hosting.close()
        context, sequences = self.context_due, self._sequences(origin)
        tokenizer = self._tokenizer_for(*tokenizers, origin.path)
        args = vllm_arguments(self._settings, origin, tokenizer, context, sequences, rank)
        command = LoadModel(args, self._settings.engine_args, digest)
        done = self.load(command, self._settings.deadlines.cold, origin.bytes)
        assert done.probe is not None
        assert self._hosting.pid is not None
        setup = replace(done.setup, environment=vllm_variables())
        self._live = Live(
            *(self._hosting.pid, origin, setup, digest, done.probe, done.probe, rank, context, sequences),
            checked=done.checked,
            compared=done.compared,
        )

    def load(self, command: LoadModel | ReloadWeights | LoadLora, seconds: float, size: int) -> LoadDone:
        """Have the host load something of `size` bytes, and prove it by its answers.

        Raises `UimonError`; after `weights_refused` and `non_finite` the host is dead.
        """
        reply = self._hosting.ask(command, self._settings.deadlines.load(seconds, size))
        assert isinstance(reply, LoadDone)
        where = command.args["model"] if isinstance(command, LoadModel) else command.path
        if reply.otherwise:
            self._hosting.close()
            raise UimonError(Reason.WEIGHTS_REFUSED, f"{where}: {reply.otherwise}, so it is not evaluated here.")
        if reply.compared.strange and not isinstance(command, ReloadWeights):
            self._hosting.close()
            raise UimonError(Reason.WEIGHTS_REFUSED, _foreign(where, reply.compared.strange))
        if reply.probe is None:
            # A NaN stays in the cache's memory and would come back under the next, healthy weights.
            self._hosting.close()
            raise UimonError(
                Reason.NON_FINITE, f"{where}: the model answers with NaN or infinity; training has diverged here."
            )
        if not reply.compared.strange:
            adapter = isinstance(command, LoadLora)
            self.evidence.note(ServedTensors.of(reply.setup, reply.compared, adapter=adapter))
        return reply

    @property
    def context_due(self) -> int | None:
        """The context to start an engine with, in tokens; None leaves it to vLLM."""
        return self._settings.max_model_len or (self.demand.context if self.demand is not None else None)

    def _sequences(self, origin: Inventory) -> int:
        """How many samples the next engine is to generate at the same time."""
        samples = self.demand.samples if self.demand is not None else STEP_TOKENS
        sequences = sequences_for(self._settings, origin, self.context_due, samples)
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


def _foreign(where: object, strange: Sequence[str]) -> str:
    """The sentence for weights that are served and lie in no file."""
    more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
    return (
        f"{where}: vLLM serves {strange[0]}{more} with other values than the files hold, so uimon does not evaluate "
        "it; use another version of vLLM, or save the weights in another way."
    )
