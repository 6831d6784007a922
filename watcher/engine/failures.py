"""From an exception inside the engine host to the word and the sentence a person reads. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from watcher.model import Reason

_FREE = "Free the GPU, take another one (--gpu), or give the engine a smaller share of it (--gpu-memory-utilization)."
_FEWER = (
    "Generate fewer samples at once (--max-num-seqs), take a smaller share of the GPU (--gpu-memory-utilization) or "
)
_FEWER += "another one (--gpu)."
_MACHINE = "Free memory of this machine, or give the cache less of it (VLLM_CPU_KVCACHE_SPACE, in whole GiB)."
_CACHE = "or give the cache more memory: another GPU (--gpu), several (--tensor-parallel) or a larger share of it "
_CACHE += "(--gpu-memory-utilization); on a CPU VLLM_CPU_KVCACHE_SPACE, in whole GiB."
_NO_ROOM = f"The weights leave no room for the cache: take a smaller model, {_CACHE}"
_UNQUANTIZED = "The vLLM of this machine cannot read weights quantized in this way: save them unquantized, or evaluate "
_UNQUANTIZED += "them where vLLM can (bitsandbytes, for one, needs a GPU)."
_SHORTER = "Ask for shorter answers (--max-tokens) or less context (--max-model-len), " + _CACHE


@dataclass(frozen=True, slots=True)
class _Sign:
    """What the text of an exception holds, in lower case, the reason that it shows, and the way out that is its own."""

    text: str
    reason: Reason
    way_out: str = ""


# The first match wins. vLLM raises most of these as plain ValueError or RuntimeError, so the text is all there is.
_SIGNS = (
    _Sign("kv cache is needed", Reason.OUT_OF_MEMORY, _SHORTER),
    _Sign("no available memory for the cache", Reason.OUT_OF_MEMORY, _NO_ROOM),
    _Sign("free memory on device", Reason.OUT_OF_MEMORY, _FREE),
    _Sign("available memory on node", Reason.OUT_OF_MEMORY, _MACHINE),
    _Sign("can't allocate memory", Reason.OUT_OF_MEMORY, _MACHINE),
    _Sign("out of memory", Reason.OUT_OF_MEMORY, _FEWER),
    _Sign("failed to infer device type", Reason.GPU_MISSING),
    _Sign("no cuda gpus are available", Reason.GPU_MISSING),
    _Sign("unknown quantization method", Reason.UNKNOWN_ARCHITECTURE, _UNQUANTIZED),
    _Sign("quantization is currently not supported", Reason.UNKNOWN_ARCHITECTURE, _UNQUANTIZED),
    _Sign("not supported for now", Reason.UNKNOWN_ARCHITECTURE),
    _Sign("does not recognize this architecture", Reason.UNKNOWN_ARCHITECTURE),
    _Sign("no vllm implementation", Reason.UNKNOWN_ARCHITECTURE),
    _Sign("trust_remote_code", Reason.UNKNOWN_ARCHITECTURE),
    _Sign("were not initialized from", Reason.WEIGHTS_REFUSED),
    _Sign("no module or parameter named", Reason.WEIGHTS_REFUSED),
    _Sign("cannot find any model weights", Reason.WEIGHTS_REFUSED),
    _Sign("error while deserializing header", Reason.WEIGHTS_REFUSED),
)
_NEXT = {
    Reason.OUT_OF_MEMORY: _MACHINE,
    Reason.UNKNOWN_ARCHITECTURE: "This vLLM cannot serve the model; `config.json` names the architecture.",
    Reason.ENGINE_MISSING: "Run `pip install 'uimon[gpu]'`, or `'uimon[cpu]'` without a GPU.",
    Reason.GPU_MISSING: "Check `nvidia-smi` and CUDA_VISIBLE_DEVICES.",
}
_LONGEST = 400
# vLLM goes on with a list of all the parameters that the class has.
_NO_PLACE = re.compile(r"There is no module or parameter named '(?P<name>[^']+)' in (?P<kind>\w+)")
_FITS = re.compile(r"estimated maximum model length is (\d+)")
# Without these there is no engine at all, whatever the model.
_ENGINES_OWN = frozenset({"vllm", "torch", "transformers", "tokenizers", "safetensors", "peft"})
LOOK_INTO_LOG = "failed to be inspected"
"""vLLM's words where a model's class could not be imported; why stands only in its log."""
_ABSENT = "library but it was not found in your environment"
"""transformers' words for a class that stands in for one whose package is missing."""
_MISSING = re.compile(
    r"ModuleNotFoundError: No module named ['\"](?P<module>[A-Za-z_]\w*)"
    r"|ImportError:[^\n]*?\n?[^\n]*?requires the (?P<library>[A-Za-z][\w-]*) library but it was not found"
    r"|(?:ImportError|ModuleNotFoundError): [^\n]*?pip install (?:-\S+ )?['\"`]?(?P<package>[A-Za-z][\w.-]*)"
)
# Where the package to install has another name than the module.
_PACKAGES = {
    "PIL": "pillow",
    "pil": "pillow",
    "cv2": "opencv-python-headless",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


def reason_of(error: BaseException, otherwise: Reason) -> Reason:
    """The reason behind `error`, looking along its causes; `otherwise` where no sign of a known one is found."""
    module = _module_behind(error)
    if module is not None or isinstance(error, ImportError):
        return Reason.ENGINE_MISSING if module is None or module in _ENGINES_OWN else Reason.MODULE_MISSING
    for cause in _causes(error):
        text = f"{type(cause).__name__} {cause}".lower()
        if (sign := _sign_in(text)) is not None:
            return sign.reason
        if isinstance(cause, MemoryError) or "outofmemory" in text:
            return Reason.OUT_OF_MEMORY
    return otherwise


def sentence_of(error: BaseException, reason: Reason, doing: str) -> str:
    """One line: what the host was doing, what was said, and the next step where one is known."""
    if found := next(filter(None, (_NO_PLACE.search(str(cause)) for cause in _causes(error))), None):
        return f"{doing}: {_without_place(found['name'], found['kind'])}"
    said = f"{type(error).__name__}: {cut(' '.join(str(error).split())) or 'no message'}"
    if reason is Reason.MODULE_MISSING:
        return needs(_module_behind(error) or "", doing, said)
    ways = (sign.way_out for cause in _causes(error) if (sign := _sign_in(f"{type(cause).__name__} {cause}".lower())))
    return f"{doing}: {said} {next(ways, None) or _NEXT.get(reason, '')}".strip()


def _without_place(name: str, kind: str) -> str:
    """The sentence's end for a tensor that vLLM's class of the model does not have."""
    said = (
        f"the checkpoint holds {name}, for which vLLM's {kind} has no place, so it cannot be served as it was trained. "
    )
    if name.split(".")[-1] == "lm_head":
        return f"{said}This class takes the embedding for its output head: train with `tie_word_embeddings` true."
    return (
        f"{said}Save the model in the form that this class expects, or evaluate it where vLLM has another class for it."
    )


def _module_behind(error: BaseException) -> str | None:
    """The module that an error, or one that it was raised from, says is missing. What merely went before it, such as an
    optional import that failed, is no cause.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ImportError) and (module := missing_module(f"{type(cause).__name__}: {cause}")):
            return module
        cause = cause.__cause__
    return missing_module(f"ImportError: {error}") if _ABSENT in str(error) else None


def needs(module: str, doing: str, said: str) -> str:
    """The sentence for a model that needs a Python module which is not installed; `said` are the library's words."""
    package = _PACKAGES.get(module, module.replace("_", "-"))
    return (
        f"{doing}: the model needs the Python package {package}, which is not installed here ({said}). "
        f"Install it beside vLLM, in the release that goes with its torch (`pip install {package}`)."
    )


def missing_module(text: str) -> str | None:
    """The module that the last import error in a text names; None where there is none.

    >>> missing_module("ModuleNotFoundError: No module named 'torchvision.transforms'")
    'torchvision'
    >>> missing_module("ImportError: XVideoProcessor requires the Torchvision library but it was not found")
    'torchvision'
    """
    found = list(_MISSING.finditer(text))
    if not found:
        return None
    module = found[-1]["module"]
    return module or str(found[-1]["library"] or found[-1]["package"]).lower()


def fitting_context(error: BaseException) -> int:
    """The longest context, in tokens, whose keys and values vLLM says fit into the cache; 0 where it does not say."""
    said = (_FITS.search(str(cause)) for cause in _causes(error))
    return next((int(found[1]) for found in said if found), 0)


def cut(text: str) -> str:
    """The beginning of a long text, at the end of a word: half a path would name something that does not exist."""
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST].rpartition(' ')[0]} …"


def _sign_in(text: str) -> _Sign | None:
    return next((sign for sign in _SIGNS if sign.text in text), None)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__
