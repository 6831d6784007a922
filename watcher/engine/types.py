"""What goes into the engine and what comes out of it: plain frozen values, free of torch and vLLM."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from watcher.engine.model_files.tokenizer_files import TokenizerStamp
from watcher.model import Reason, UimonError

Swap = Literal["cold", "warm", "lora"]
SwapPolicy = Literal["auto", "warm", "cold", "lora"]
# The slowest machine worth waiting for, in multiply-adds a second: a few CPU cores in bf16.
_SLOWEST_FLOPS = 1e11


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long each phase may take before the host counts as wedged, in seconds.

    `start`: the child's start, its imports, and rendering. `cold` and `warm`: a load, plus the weights' bytes
    over `bytes_per_second` (slow network storage, not a good disk: a deadline is there to end a hang, and one that
    fires on a slow day fails a healthy checkpoint). `stall`: the longest silence while tokens are computed, plus
    what one step of the scheduler takes on a slow machine; the host reports progress after each step, so the limit
    does not grow with the number of prompts.
    """

    start: float = 300.0
    cold: float = 900.0
    warm: float = 120.0
    stall: float = 120.0
    bytes_per_second: float = 20e6

    def load(self, base: float, size: int) -> float:
        """Seconds allowed for a load of `size` bytes whose fixed part is `base`."""
        return base + size / self.bytes_per_second

    def step(self, size: int, tokens: int) -> float:
        """Seconds of silence allowed while a model of `size` bytes computes steps of at most `tokens` tokens.

        A step multiplies each token with each parameter once; a parameter has two bytes (with four, the limit is
        twice as generous).
        """
        return self.stall + size / 2 * tokens / _SLOWEST_FLOPS


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How engines are started; one value for the whole life of an `Engine`.

    `state_dir`: the engine's own directory, for logs, caches, what it has to remember across restarts, and adapters
    that are being merged. `device_env`: extra environment of the child process, in place before its Python starts
    (the only moment at which `CUDA_VISIBLE_DEVICES` is sure to count). `gpu_bytes`: memory of the smallest GPU in
    use, 0 where the driver does not tell, None on a CPU. `max_model_len`: tokens of context; None takes what the
    rendered prompts need, at most the model's own context. `max_num_seqs`: samples generated at the same time; None
    takes what fits into the memory. `tokenizer`: a directory that holds the tokenizer where the checkpoints do not.
    `tensor_parallel`: GPUs that share the model. `engine_args`: any other arguments of vLLM, as `vllm serve` takes
    them.

    `swap`: `auto` changes weights in place where that is known to work for the kind of model; `warm` tries it with
    every model. Both prove the first change against a fresh engine, and use fresh engines where it fails. `cold`
    starts a fresh engine for each checkpoint. `lora` is `auto`, but never merges an adapter into its base.
    """

    state_dir: Path
    device_env: Mapping[str, str] = field(default_factory=dict)
    gpu_bytes: int | None = None
    max_model_len: int | None = None
    max_num_seqs: int | None = None
    dtype: str = "auto"
    gpu_memory_utilization: float | None = None
    tokenizer: Path | None = None
    nice: int = 10
    tensor_parallel: int = 1
    engine_args: str = ""
    swap: SwapPolicy = "auto"
    deadlines: Deadlines = field(default_factory=Deadlines)

    @property
    def log_dir(self) -> Path:
        """Where the child processes' output goes."""
        return self.state_dir / "logs"


@dataclass(frozen=True, slots=True)
class Setup:
    """What decides how vLLM lays weights out in memory, and so whether changing them in place works.

    `platform` is the kind of device and, for a GPU, its name; `arguments` are the user's own (`engine_args`), and
    `environment` the user's own variables for vLLM (`NAME=value`, sorted), which choose kernels as well.
    """

    architecture: str
    vllm: str
    platform: str
    dtype: str
    tied: bool
    quantization: str
    tensor_parallel: int
    arguments: str
    environment: tuple[str, ...] = ()


Message = Mapping[str, object]
"""One turn as the validation file has it: `role`, `content`, and whatever else a chat template may read."""


def texts_of(content: object) -> tuple[str, ...]:
    """The texts of a message's content, which is text or parts; none of anything else.

    >>> texts_of("a"), texts_of([{"type": "text", "text": "a"}, "b"]), texts_of(None)
    (('a',), ('a', 'b'), ())
    """
    if isinstance(content, str):
        return (content,)
    parts = content if isinstance(content, list | tuple) else ()
    said = (part.get("text", part.get("content")) if isinstance(part, Mapping) else part for part in parts)
    return tuple(text for text in said if isinstance(text, str))


class ContextTooLong(UimonError):
    """The cache does not hold one sequence of the context that was asked for; `fits` tokens it would hold."""

    def __init__(self, sentence: str, fits: int) -> None:
        super().__init__(Reason.OUT_OF_MEMORY, sentence)
        self.fits = fits


@dataclass(frozen=True, slots=True)
class Conversation:
    """A held-out conversation, for the chat template.

    `messages` are the turns before the last assistant turn, which is the `reference`. `variables` are what the
    template is given beside them (`tools`, and a row's own `chat_template_kwargs`); they win over the settings'.
    """

    id: str
    messages: tuple[Message, ...]
    reference: Message | None = None
    variables: Mapping[str, object] = field(default_factory=dict)
    kind: Literal["conversation"] = "conversation"

    @property
    def asked(self) -> str:
        """The last user turn, for people; the last turn where there is none."""
        said = [m for m in self.messages if m.get("role") == "user"] or list(self.messages)
        return "".join(texts_of(said[-1].get("content"))) if said else ""

    @property
    def answer(self) -> str | None:
        """The text of the reference; None without one."""
        return None if self.reference is None else "".join(texts_of(self.reference.get("content")))


@dataclass(frozen=True, slots=True)
class PlainText:
    """Held-out text that no chat template touches.

    `prompt` is what is sampled from; None: nothing is. `text` is what training saw, the prompt included and the end
    token not; None: there is no reference. `masked`: the prompt's tokens are not in the loss.
    """

    id: str
    prompt: str | None
    text: str | None
    masked: bool = True
    kind: Literal["plain_text"] = "plain_text"

    @property
    def asked(self) -> str:
        """What is shown to people as the prompt."""
        return (self.text or "") if self.prompt is None else self.prompt

    @property
    def answer(self) -> str | None:
        """The text behind the prompt; None without a prompt or a reference."""
        return None if self.prompt is None or self.text is None else self.text[len(self.prompt) :]


Asked = Conversation | PlainText


@dataclass(frozen=True, slots=True)
class PromptSpec:
    """One rendered prompt.

    `text` is the last user turn, for people. `reference_ids` are the tokens whose loss counts, the end-of-turn token
    included; None without a reference. `reference_chars` counts the reference's characters. The reference stands
    behind `prefix_ids`, where training saw other tokens before it than `token_ids`, which samples continue (a
    template that writes an opening it drops again, tokens that merge across the seam, a text without a prompt).
    `sampled`: False for what is only measured.
    """

    id: str
    text: str
    token_ids: tuple[int, ...]
    reference_ids: tuple[int, ...] | None = None
    reference_chars: int = 0
    prefix_ids: tuple[int, ...] | None = None
    sampled: bool = True

    @property
    def scored_ids(self) -> tuple[int, ...]:
        """What stands before the reference's tokens, and the reference's tokens."""
        before = self.token_ids if self.prefix_ids is None else self.prefix_ids
        return (*before, *(self.reference_ids or ()))

    @property
    def longest(self) -> int:
        """The most tokens that it holds before anything is generated."""
        return max(len(self.token_ids), len(self.scored_ids))

    @property
    def highest(self) -> int:
        """The largest token id that it holds."""
        return max((*self.token_ids, *self.scored_ids), default=0)


@dataclass(frozen=True, slots=True)
class Rendered:
    """The usable prompts in their given order; `skipped` holds (conversation id, why, as a sentence).

    `stop_ids` end a generation: the tokenizer's, the configurations' and the template's end-of-turn tokens, sorted.
    `template_digest` covers the template, its arguments and the system prompt. `context` is in tokens. `tokenizer` is
    the stamp of the tokenizer that rendered them, `note` what a person should know of it, in sentences. `lost` holds,
    as `skipped` does, the conversations whose references the template or the tokenizer does not keep whole.
    """

    prompts: tuple[PromptSpec, ...]
    skipped: tuple[tuple[str, str], ...]
    stop_ids: tuple[int, ...]
    template_digest: str
    context: int
    tokenizer: TokenizerStamp
    note: str = ""
    lost: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How completions are drawn: `n` samples a prompt. `max_tokens` is cut to what the context leaves a prompt."""

    max_tokens: int
    temperature: float
    top_p: float
    seed: int
    n: int = 1


@dataclass(frozen=True, slots=True)
class Generation:
    """One finished sample. `finish_reason` is `stop` (the model ended) or `length` (the token limit cut it)."""

    prompt_id: str
    index: int
    text: str
    tokens: int
    finish_reason: str


@dataclass(frozen=True, slots=True)
class Perplexity:
    """Negative log-likelihood of the references: `nll` summed in nats over `tokens` tokens, `chars` characters.

    `skipped` references were longer than the context and count nowhere else.
    """

    nll: float
    tokens: int
    chars: int
    skipped: int

    @property
    def value(self) -> float | None:
        """exp(nll / tokens); None without a token, infinity where that overflows a float.

        >>> Perplexity(nll=0.0, tokens=4, chars=9, skipped=0).value
        1.0
        >>> Perplexity(nll=0.0, tokens=0, chars=0, skipped=3).value is None
        True
        """
        if not self.tokens:
            return None
        try:
            return math.exp(self.nll / self.tokens)
        except OverflowError:
            return math.inf

    @property
    def nll_per_char(self) -> float | None:
        """Nats per character of the references, end-of-turn tokens' NLL included; None without a character.

        It does not depend on how a text is cut into tokens, so it stays comparable where the tokenizer changes.

        >>> Perplexity(nll=6.0, tokens=3, chars=12, skipped=0).nll_per_char
        0.5
        """
        return self.nll / self.chars if self.chars else None


@dataclass(frozen=True, slots=True)
class Loaded:
    """Weights that are in the engine and certified.

    `probe` digests the prompt log-probabilities of fixed token sequences, so two loads of the same weights agree.
    `seconds` is the whole load, restarts included. `max_num_seqs` is the engine's. `note` says in a sentence why a
    load did not go the usual way; `alarming` where a person should hear of it.
    """

    swap: Swap
    seconds: float
    probe: str
    max_num_seqs: int = 0
    note: str = ""
    alarming: bool = False
