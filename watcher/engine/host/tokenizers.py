"""The tokenizer of a checkpoint, as its own files have it. Runs in the engine host.

**tokenizer.json is the truth.** Whatever trains, saves its tokenizer there as it was used: the library writes the
backend that made the ids. So the backend is that file's (normalizer, pre-tokenizer, model, post-processor, decoder),
and the class that `tokenizer_config.json` or the model's type names decides about nothing: transformers 5 builds these
parts anew from a class such as `LlamaTokenizer`, whatever the file says. The class is only asked whether it would make
other ids, and a note says so.

What acts beside tokenizer.json, and what is made of it:

| in the files | here |
|---|---|
| special tokens, `added_tokens_decoder`, `added_tokens.json` | added as every version of the library adds them |
| `split_special_tokens` | honored, as in training |
| truncation, padding | ignored: training leaves them there for its batches |
| a BPE's `dropout` | off, and said: with it the ids are drawn by lot each time |
| `add_bos_token`, `add_eos_token`, `add_prefix_space`, `legacy` | the file's own parts decide; a library that obeys \
these options writes them into the parts when it saves |
| `clean_up_tokenization_spaces` | off: it would take blanks out of what the model wrote |
| `auto_map`, unknown classes | no code of a checkpoint is run; tokenizer.json needs none |
| a special token that is only the class's default | taken over where the file's vocabulary has it |

**Without tokenizer.json** the library converts the vocabulary's file. It is believed only where it is seen to be right:
the validation texts get the ids that the file's own library makes (sentencepiece for `*.model`, mistral-common for
tekken.json), or, where there is none, they come back from their ids to the last blank. A tekken.json names its own
beginning and end of a text, which count as mistral-common has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from watcher.checkpoints.layouts.files import ADDED_TOKENS, SPECIAL_TOKENS, TOKENIZER_CONFIG, TOKENIZER_JSON
from watcher.engine.host.conversion import SAVE, convert, prove
from watcher.engine.host.probing import PLAIN_TEXTS, excerpt, first, ids_of, text_of
from watcher.engine.host.tokenizer import Tokenizer
from watcher.engine.model_files.tokenizer_files import (
    PROCESSOR_TEMPLATE,
    TOKENIZER_FILES,
    configured_tokens,
    default_template,
    has_tokenizer,
    stated_in,
    stated_tokens,
)
from watcher.model import Reason, UimonError

if TYPE_CHECKING:
    import tokenizers


DEFAULT_TEMPLATE, TOOL_TEMPLATE = "default", "tool_use"
"""Names of chat templates: the one that is usually taken, and the one that is taken where tools are given."""
_PARTS = ("normalizer", "pre_tokenizer", "post_processor", "decoder")
_NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
T = TypeVar("T")
_SHOWN_IDS = 4
# Decoding costs more than encoding, and a decoder that differs does so in every line.
_READ_IDS = 256
# This class of transformers never makes special tokens of a text, and saves nothing but the tekken.json that it read.
_MISTRAL = "MistralCommonBackend"
_BROKEN = (OSError, ValueError, KeyError, AttributeError, ImportError, TypeError, RuntimeError)
_ADVICE = "save it with the checkpoints, or name a directory that has it with --tokenizer"


@dataclass(frozen=True, slots=True)
class Opened:
    """A tokenizer of transformers that makes the ids of its files, and what a person should know of it (or '')."""

    tokenizer: Tokenizer
    note: str


def open_tokenizer(path: Path, texts: Sequence[str]) -> Opened:
    """The tokenizer in the directory `path`, proved on `texts` and on a few difficult texts of its own.

    Raises `UimonError`: `tokenizer_missing`, and `tokenizer_mismatch` where the files contradict each other, or where
    there is no tokenizer.json and what the library makes of the other files is not what they say.
    """
    tokenizer = load_tokenizer(path)
    _require_stated_ids(path, tokenizer, texts)
    if (path / TOKENIZER_JSON).is_file():
        notes = [_changed_by_configuration(path, tokenizer, texts), _without_blanks(tokenizer), _by_lot(path)]
    else:
        notes = [prove(path, tokenizer, texts)]
    notes += [_changed_by_class(path, tokenizer, texts), _two_templates(path, tokenizer)]
    return Opened(tokenizer, " ".join(filter(None, notes)))


def load_tokenizer(path: Path) -> Tokenizer:
    """The same tokenizer, not proved anew. Raises `UimonError` (`tokenizer_missing`)."""
    # Without this, transformers makes up an empty tokenizer from config.json alone.
    if not has_tokenizer(path):
        raise UimonError(Reason.TOKENIZER_MISSING, f"{path}: there is no tokenizer here; {_ADVICE}.")
    file = path / TOKENIZER_JSON
    return _attempt(path, lambda: _from_json(path, file) if file.is_file() else convert(path))


def normalized(tokenizer: Tokenizer, text: str) -> str:
    """`text` as the tokenizer's own normalizer leaves it for the model, where it has one; its blanks may be `▁`."""
    normalizer = getattr(getattr(tokenizer, "backend_tokenizer", None), "normalizer", None)
    return text if normalizer is None else str(normalizer.normalize_str(text))


def templates_of(path: Path, tokenizer: Tokenizer) -> dict[str, str]:
    """The chat templates by their names; a processor's chat_template.json counts where the tokenizer has none."""
    found = tokenizer.chat_template or default_template(path / PROCESSOR_TEMPLATE) or {}
    return {DEFAULT_TEMPLATE: found} if isinstance(found, str) else dict(found)


def texts_in(value: object) -> Iterator[str]:
    """Every text in a value of dataclasses, mappings and sequences."""
    if isinstance(value, str):
        yield value
    elif is_dataclass(value) and not isinstance(value, type):
        yield from texts_in(list(asdict(value).values()))
    elif isinstance(value, Mapping):
        yield from texts_in(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts_in(part)


def _attempt(path: Path, load: Callable[[], T]) -> T:
    error = _error_of(load)
    if not isinstance(error, BaseException):
        return error
    # tokenizers raises bare exceptions for files that it cannot read.
    if isinstance(error, _BROKEN) or type(error) is Exception:
        said = " ".join(str(error).split())[:200]
        raise UimonError(
            Reason.TOKENIZER_MISSING, f"{path}: the tokenizer cannot be loaded ({said}); {_ADVICE}."
        ) from error
    raise error


def _error_of(make: Callable[[], T]) -> T | BaseException:
    """What `make` returns, or the exception that it raised: classes built over foreign files raise anything."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(make)
        return future.exception() or future.result()


def _from_json(path: Path, file: Path) -> Tokenizer:
    """A tokenizer whose backend is tokenizer.json's, with the special tokens and templates of the other files."""
    from transformers import PreTrainedTokenizerFast

    own = _read(file)
    # Named as well: `fast_tokenizer_files` in the configuration could put another file in its place.
    tokenizer: Tokenizer = PreTrainedTokenizerFast.from_pretrained(
        str(path), tokenizer_file=str(file), trust_remote_code=False, local_files_only=True
    )
    backend = tokenizer.backend_tokenizer
    for part in _PARTS:
        setattr(backend, part, getattr(own, part))
    _settle(backend)
    _take_over_defaults(path, tokenizer)
    return tokenizer


def _read(file: Path) -> tokenizers.Tokenizer:
    """A tokenizer.json as the library that wrote it reads it, without what training set for its batches."""
    from tokenizers import Tokenizer

    return _settle(Tokenizer.from_file(str(file)))


def _settle(backend: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
    """The same backend, which makes one and the same whole list of ids of a text each time."""
    backend.no_truncation()
    backend.no_padding()
    if getattr(backend.model, "dropout", None):
        backend.model.dropout = None
    return backend


def _by_lot(path: Path) -> str:
    """A sentence where the file's BPE leaves out merges at random."""
    model = stated_in(path / TOKENIZER_JSON).get("model")
    dropout = model.get("dropout") if isinstance(model, dict) else None
    if not dropout:
        return ""
    return (
        f"The tokenizer.json drops merges at random (dropout {dropout:g}), as in training; uimon drops none, so that "
        "prompts stay the same."
    )


def _take_over_defaults(path: Path, tokenizer: Tokenizer) -> None:
    """Give `tokenizer` the special tokens that only its class names, as old repositories leave it to them. Those that
    the files name as none stay none.
    """
    told = {**stated_in(path / TOKENIZER_CONFIG), **stated_in(path / SPECIAL_TOKENS)}
    left = [name for name in _NAMED if getattr(tokenizer, name) is None and name not in told]
    # Chat templates write these two.
    if not {"bos_token", "eos_token"} & set(left):
        return
    named = _error_of(lambda: _by_class(path))
    for name in left:
        token = getattr(named, name, None)
        if token is not None and tokenizer.backend_tokenizer.token_to_id(str(token)) is not None:
            setattr(tokenizer, name, str(token))


def _by_class(path: Path) -> Tokenizer:
    from transformers import AutoTokenizer

    named: Tokenizer = AutoTokenizer.from_pretrained(str(path), trust_remote_code=False, local_files_only=True)
    backend = getattr(named, "backend_tokenizer", None)
    if backend is not None:
        _settle(backend)
    return named


def _require_stated_ids(path: Path, tokenizer: Tokenizer, texts: Sequence[str]) -> None:
    """Refuse a token in use that has another id than the files beside the vocabulary give it: the library numbers it
    anew.
    """
    used = (*texts, *templates_of(path, tokenizer).values())
    for stated, token in stated_tokens(path).items():
        given = tokenizer.convert_tokens_to_ids(token)
        if given != stated and token and any(token in text for text in used):
            raise UimonError(
                Reason.TOKENIZER_MISMATCH,
                f"{path}: {_stated_in(path)} gives the token {token!r} the id {stated}, the vocabulary beside it "
                f"{given}; {SAVE}.",
            )


def _stated_in(path: Path) -> str:
    return TOKENIZER_CONFIG if configured_tokens(path) else ADDED_TOKENS


def _changed_by_configuration(path: Path, tokenizer: Tokenizer, texts: Sequence[str]) -> str:
    """A sentence where the tokens of the configuration change the ids that tokenizer.json by itself gives."""
    own = _read(path / TOKENIZER_JSON)
    # The texts of added tokens and their options, such as whether blanks beside them belong to them.
    if repr(own.get_added_tokens_decoder()) == repr(tokenizer.added_tokens_decoder):
        return ""
    own.encode_special_tokens = bool(tokenizer.split_special_tokens)
    changed = first(texts, lambda text: own.encode(text, add_special_tokens=False).ids != ids_of(tokenizer, text))
    if changed is None:
        return ""
    return (
        "The tokenizer's configuration has tokens, or options of tokens, that its tokenizer.json does not have; uimon "
        f"uses them, as transformers does, and they change the token ids of {excerpt(changed)}."
    )


def _changed_by_class(path: Path, tokenizer: Tokenizer, texts: Sequence[str]) -> str:
    """A sentence where what transformers would load by itself makes other ids or texts than the tokenizer's file."""
    named = _error_of(lambda: _by_class(path))
    if isinstance(named, BaseException):
        return ""
    # A class may fail on texts that are no trouble to the file.
    said = _error_of(lambda: _by_another(path, tokenizer, named, texts))
    return said if isinstance(said, str) else ""


def _by_another(path: Path, tokenizer: Tokenizer, named: Tokenizer, texts: Sequence[str]) -> str:
    """How the class `named` differs from the tokenizer, in sentences."""
    file = next(name for name in TOKENIZER_FILES if (path / name).is_file())
    mistral = type(named).__name__ == _MISTRAL
    if mistral:
        special = [str(token) for token in tokenizer.added_tokens_decoder.values() if str(token)]
        texts = [text for text in texts if not any(token in text for token in special)]
    # Some classes treat the blank behind a special token in their own way, which is where each turn begins.
    said = _difference(tokenizer, named, texts, "" if mistral else tokenizer.eos_token or "")
    notes = []
    if said:
        notes.append(
            f"uimon reads the tokenizer from its {file} alone, because the class with which transformers would load "
            f"it, {type(named).__name__}, {said}. If training used that class, {_way_out(mistral, file)}."
        )
    end = tokenizer.eos_token
    if mistral and end and ids_of(named, end) != ids_of(tokenizer, end):
        notes.append(
            f"{_MISTRAL}, with which transformers would load the tokenizer, takes the texts of special tokens for "
            f"plain text; here they are those tokens, as the {end!r} behind each answer in plain text. If training "
            "gave that class such texts, it learned other tokens there; let it put the end behind its texts by its id."
        )
    return " ".join(notes)


def _way_out(mistral: bool, file: str) -> str:
    if not mistral:
        return "let it save the tokenizer with its checkpoints"
    if file == TOKENIZER_JSON:
        return "leave its tekken.json with the checkpoints, and no tokenizer.json"
    return "train with a tokenizer.json"


def _difference(tokenizer: Tokenizer, named: Tokenizer, texts: Sequence[str], end: str) -> str:
    """How `named` differs in texts, alone and behind `end`, in words that follow its name; empty where it does not."""
    for text in (*PLAIN_TEXTS, *(f"{end}{text}" for text in (*PLAIN_TEXTS, *texts))):
        ids, others = ids_of(tokenizer, text), ids_of(named, text)
        if ids != others:
            at = next((n for n, (a, b) in enumerate(zip(ids, others, strict=False)) if a != b), 0)
            there, here = (list(each[at : at + _SHOWN_IDS]) for each in (others, ids))
            return f"makes other token ids of {excerpt(text.removeprefix(end))} ({there} in place of {here})"
        read = text_of(named, ids[:_READ_IDS], special=True)
        if read != text_of(tokenizer, ids[:_READ_IDS], special=True):
            return f"reads {excerpt(read)} for {excerpt(text)}"
    if ids_of(tokenizer, "one", marked=True) != ids_of(named, "one", marked=True):
        return "puts other special tokens around a text"
    return ""


def _without_blanks(tokenizer: Tokenizer) -> str:
    """A sentence where the tokenizer loses the blank between two words, which no training can have meant."""
    text = text_of(tokenizer, ids_of(tokenizer, "one two"), special=False)
    if "onetwo" not in text.lower():
        return ""
    return (
        f"The tokenizer.json loses blanks: it turns 'one two' into {text!r}, in training as well as here; load the "
        "base model's tokenizer.json as it is and train again."
    )


def _two_templates(path: Path, tokenizer: Tokenizer) -> str:
    """A sentence where a processor's template is another one than the tokenizer's."""
    own = templates_of(path, tokenizer).get(DEFAULT_TEMPLATE)
    processors = default_template(path / PROCESSOR_TEMPLATE)
    if not processors or processors == own:
        return ""
    return (
        f"The processor's {PROCESSOR_TEMPLATE} has another chat template than the tokenizer, and uimon uses the "
        "tokenizer's; if training used the processor's, name it with --chat-template."
    )
