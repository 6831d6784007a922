"""The words between the service and its engine host: one JSON object a line over a socket pair of their own.

The host's standard output and error go to a log file, so nothing that vLLM prints can be taken for a message.
A request is answered by any number of `EngineProgress` and `SampleDone` messages and ended by exactly one other reply.
After a `RequestFailure` with `fatal` set the host has ended itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from watcher.engine.types import Asked, Generation, PromptSpec, Rendered, Sampling, Setup
from watcher.model import Reason
from watcher.system.lines import LineSocket


@dataclass(frozen=True, slots=True)
class Render:
    """Turn conversations into token ids with the tokenizer in `tokenizer`; `model_dir` tells the context."""

    model_dir: Path
    tokenizer: Path
    conversations: tuple[Annotated[Asked, Field(discriminator="kind")], ...]
    chat_template: str | None
    template_kwargs: Mapping[str, object]
    system: str | None
    max_model_len: int | None
    op: Literal["render"] = "render"


@dataclass(frozen=True, slots=True)
class CheckArguments:
    """Read the user's own arguments, `text`, with vLLM's parser."""

    text: str
    op: Literal["check"] = "check"


@dataclass(frozen=True, slots=True)
class LoadModel:
    """Build `vllm.LLM(**args)` from a full model's directory; at most once in a host's life.

    `extra` are the user's own arguments, which win over `args`.
    """

    args: Mapping[str, object]
    extra: str
    version: str
    op: Literal["cold"] = "cold"


@dataclass(frozen=True, slots=True)
class ReloadWeights:
    """Change the weights in place to those in `path`."""

    path: Path
    version: str
    op: Literal["warm"] = "warm"


@dataclass(frozen=True, slots=True)
class LoadLora:
    """Load the adapter in `path`; `number` (from 1) was never used before in this host."""

    path: Path
    number: int
    op: Literal["adapter"] = "adapter"


@dataclass(frozen=True, slots=True)
class Generate:
    """Complete each prompt `sampling.n` times."""

    prompts: tuple[PromptSpec, ...]
    sampling: Sampling
    stop_ids: tuple[int, ...]
    op: Literal["generate"] = "generate"


@dataclass(frozen=True, slots=True)
class ScoreReferences:
    """Sum the log-probabilities of the prompts' references."""

    prompts: tuple[PromptSpec, ...]
    op: Literal["measure"] = "measure"


@dataclass(frozen=True, slots=True)
class RenderDone:
    """Answers `Render`."""

    rendered: Rendered
    op: Literal["render_done"] = "render_done"


@dataclass(frozen=True, slots=True)
class CheckArgumentsDone:
    """Answers `CheckArguments`: the arguments that were given, those that are no plain values as text."""

    arguments: Mapping[str, str | int | float | bool | None]
    op: Literal["check_done"] = "check_done"


@dataclass(frozen=True, slots=True)
class Compared:
    """What is served beside what lies in the files, see `fingerprints`: how many `parameters` were compared, which of
    them are `strange` to the files, and which tensors of the files are `unused`. `why_not` says in a clause why nothing
    could be compared. `other_forms` are kinds of parameters that were not, see `forms`.
    """

    parameters: int = 0
    strange: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    why_not: str = ""
    other_forms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadDone:
    """Answers a load: the probe's log-probabilities, or None where one of them is not finite, and what serves them.

    `checked` is false where a fresh engine was started and nothing could tell whether all tensors are there.
    `otherwise` says in a clause how the engine is known to compute another function than training did.
    """

    probe: tuple[float, ...] | None
    setup: Setup
    checked: bool = True
    otherwise: str = ""
    compared: Compared = Compared()
    op: Literal["load_done"] = "load_done"


@dataclass(frozen=True, slots=True)
class EngineProgress:
    """The host computes: `steps` of the scheduler since the request."""

    steps: int
    op: Literal["progress"] = "progress"


@dataclass(frozen=True, slots=True)
class SampleDone:
    """One finished sample, sent as soon as it is finished."""

    generation: Generation
    op: Literal["sample"] = "sample"


@dataclass(frozen=True, slots=True)
class GenerateDone:
    """Ends the samples of a `Generate`."""

    samples: int
    op: Literal["generate_done"] = "generate_done"


@dataclass(frozen=True, slots=True)
class ScoreReferencesDone:
    """Answers `ScoreReferences`; `nll` is None where a log-probability is not finite."""

    nll: float | None
    tokens: int
    chars: int
    skipped: int
    op: Literal["measure_done"] = "measure_done"


@dataclass(frozen=True, slots=True)
class RequestFailure:
    """The request failed, in words for a person. `fits`: the context that the cache would hold, where that was too
    small; else 0."""

    reason: Reason
    sentence: str
    fatal: bool
    fits: int = 0
    op: Literal["failure"] = "failure"


Request = CheckArguments | Render | LoadModel | ReloadWeights | LoadLora | Generate | ScoreReferences
Reply = (
    CheckArgumentsDone
    | RenderDone
    | LoadDone
    | EngineProgress
    | SampleDone
    | GenerateDone
    | ScoreReferencesDone
    | RequestFailure
)
Message = Request | Reply

_MESSAGES: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="op")])


class ProtocolError(Exception):
    """A line that is no message: the other side is not the one this side was written for."""


class Channel:
    """Messages in and messages out, each a line."""

    def __init__(self, lines: LineSocket) -> None:
        self._lines = lines

    def send(self, message: Message, seconds: float | None = None) -> None:
        """Send one message. Raises TimeoutError after `seconds`, OSError where the other side is gone."""
        self._lines.send(_MESSAGES.dump_json(message), seconds)

    def receive(self, seconds: float | None = None) -> Message:
        """The next message. Raises TimeoutError after `seconds`, EOFError at the other side's end, ProtocolError."""
        try:
            return _MESSAGES.validate_json(self._lines.receive(seconds))
        except ValidationError as error:
            raise ProtocolError(str(error)) from error
