"""From an exception inside the engine host to the word and the sentence a person reads. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from watcher.model import Reason

# (what the exception's text holds, in lower case; the reason), first match wins. vLLM raises most of these as
# plain ValueError or RuntimeError, so the text is all there is to go by.
_SIGNS: tuple[tuple[str, Reason], ...] = (
    ("out of memory", Reason.OUT_OF_MEMORY),
    ("can't allocate memory", Reason.OUT_OF_MEMORY),
    ("free memory on device", Reason.OUT_OF_MEMORY),
    ("available memory on node", Reason.OUT_OF_MEMORY),
    ("no available memory for the cache", Reason.OUT_OF_MEMORY),
    ("kv cache is needed", Reason.OUT_OF_MEMORY),
    ("failed to infer device type", Reason.GPU_MISSING),
    ("no cuda gpus are available", Reason.GPU_MISSING),
    ("not supported for now", Reason.UNKNOWN_ARCHITECTURE),
    ("does not recognize this architecture", Reason.UNKNOWN_ARCHITECTURE),
    ("no vllm implementation", Reason.UNKNOWN_ARCHITECTURE),
    ("trust_remote_code", Reason.UNKNOWN_ARCHITECTURE),
    ("were not initialized from", Reason.WEIGHTS_REFUSED),
    ("no module or parameter named", Reason.WEIGHTS_REFUSED),
    ("cannot find any model weights", Reason.WEIGHTS_REFUSED),
    ("error while deserializing header", Reason.WEIGHTS_REFUSED),
)
_NEXT = {
    Reason.OUT_OF_MEMORY: "Give the engine another GPU, a smaller share of memory, or fewer sequences at once.",
    Reason.UNKNOWN_ARCHITECTURE: "This vLLM cannot serve the model; `config.json` names the architecture.",
    Reason.ENGINE_MISSING: "Run `pip install 'uimon[gpu]'`, or `'uimon[cpu]'` without a GPU.",
    Reason.GPU_MISSING: "Check `nvidia-smi` and CUDA_VISIBLE_DEVICES.",
}
_LONGEST = 400


def reason_of(error: BaseException, otherwise: Reason) -> Reason:
    """The reason behind `error`, looking along its causes; `otherwise` where no sign of a known one is found."""
    if isinstance(error, ImportError):
        return Reason.ENGINE_MISSING
    for cause in _causes(error):
        text = f"{type(cause).__name__} {cause}".lower()
        if isinstance(cause, MemoryError) or "outofmemory" in text:
            return Reason.OUT_OF_MEMORY
        for sign, reason in _SIGNS:
            if sign in text:
                return reason
    return otherwise


def sentence_of(error: BaseException, reason: Reason, doing: str) -> str:
    """One line: what the host was doing, what was said, and the next step where one is known."""
    said = " ".join(str(error).split())[:_LONGEST] or "no message"
    return f"{doing}: {type(error).__name__}: {said} {_NEXT.get(reason, '')}".strip()


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__
