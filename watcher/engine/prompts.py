"""From conversations to token ids, as the trainer's tokenizer makes them. Runs in the engine host.

Prompts are rendered once and travel as ids: what a later checkpoint's directory says about its tokenizer can
then no longer change what is measured, and no begin-of-text token is added twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watcher.engine.protocol import Render
from watcher.engine.types import Conversation, PromptSpec, Rendered
from watcher.model import Reason, UimonError

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tekken.json")
# Stands where an answer would, to see what a template writes after it.
_ANSWER = "ANSWER-7f3a"


def has_tokenizer(path: Path) -> bool:
    """True where `path` holds a tokenizer's files."""
    return any((path / name).exists() for name in TOKENIZER_FILES)


@dataclass(frozen=True, slots=True)
class _Template:
    """A tokenizer with one chat template, its arguments, and the token that ends a turn (None: there is none)."""

    tokenizer: Any
    text: str
    kwargs: Mapping[str, Any]
    end_of_turn: int | None

    def ids(self, messages: list[dict[str, str]], answering: bool) -> list[int]:
        """Token ids of `messages`, the opening of the assistant's turn added where `answering`."""
        return [int(token) for token in self._apply(messages, answering, tokenize=True)["input_ids"]]

    def render(self, messages: list[dict[str, str]]) -> str:
        """The text of `messages` as a finished conversation."""
        return str(self._apply(messages, False, tokenize=False))

    def _apply(self, messages: list[dict[str, str]], answering: bool, *, tokenize: bool) -> Any:
        return self.tokenizer.apply_chat_template(
            messages,
            chat_template=self.text,
            add_generation_prompt=answering,
            tokenize=tokenize,
            return_dict=tokenize,
            **self.kwargs,
        )


def render(request: Render, context: int) -> Rendered:
    """Render every conversation that fits into `context` tokens with at least one token of answer.

    Raises `UimonError`: `tokenizer_missing`, `chat_template_missing`.
    """
    template = _template(request)
    prompts: list[PromptSpec] = []
    skipped: list[tuple[str, str]] = []
    for conversation in request.conversations:
        prompt = _prompt(template, conversation, request.system)
        if isinstance(prompt, str):
            skipped.append((conversation.id, prompt))
        elif len(prompt.token_ids) >= context:
            size = len(prompt.token_ids)
            skipped.append((conversation.id, f"The prompt has {size} tokens; the context holds {context}."))
        else:
            prompts.append(prompt)
    stops = {*_configured_stops(request.model_dir), *_ids(template.tokenizer.eos_token_id), *_ids(template.end_of_turn)}
    digest = hashlib.sha256(
        json.dumps([template.text, dict(request.template_kwargs), request.system], sort_keys=True).encode()
    )
    return Rendered(tuple(prompts), tuple(skipped), tuple(sorted(stops)), digest.hexdigest()[:16], context)


def _template(request: Render) -> _Template:
    tokenizer = _tokenizer(request.tokenizer)
    text = request.chat_template or tokenizer.chat_template
    if isinstance(text, dict):
        text = text.get("default")
    if not text:
        raise UimonError(
            Reason.CHAT_TEMPLATE_MISSING,
            f"{request.tokenizer}: the tokenizer has no chat template; name the one used in training.",
        )
    bare = _Template(tokenizer, text, request.template_kwargs, None)
    return _Template(tokenizer, text, request.template_kwargs, _end_of_turn(bare))


def _tokenizer(path: Path) -> Any:
    from transformers import AutoTokenizer

    advice = "save it with the checkpoints, or name a directory that has it"
    # Without this, transformers makes up an empty tokenizer from config.json alone.
    if not has_tokenizer(path):
        raise UimonError(Reason.TOKENIZER_MISSING, f"{path}: there is no tokenizer here; {advice}.")
    try:
        return AutoTokenizer.from_pretrained(str(path), trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, KeyError, AttributeError, ImportError) as error:
        said = " ".join(str(error).split())[:200]
        raise UimonError(
            Reason.TOKENIZER_MISSING, f"{path}: the tokenizer cannot be loaded ({said}); {advice}."
        ) from error


def _end_of_turn(template: _Template) -> int | None:
    """The token that the template writes after an answer: the first added token there, else the tokenizer's eos."""
    from jinja2 import TemplateError, TemplateSyntaxError

    eos = next(iter(_ids(template.tokenizer.eos_token_id)), None)
    try:
        text = template.render([{"role": "user", "content": "?"}, {"role": "assistant", "content": _ANSWER}])
    except TemplateSyntaxError as error:
        raise UimonError(Reason.CHAT_TEMPLATE_MISSING, f"The chat template cannot be parsed: {error}.") from error
    except TemplateError:
        return eos
    _, _, rest = text.rpartition(_ANSWER)
    added = {*template.tokenizer.added_tokens_decoder, *template.tokenizer.all_special_ids}
    after = template.tokenizer(rest, add_special_tokens=False)["input_ids"]
    return next((int(token) for token in after if token in added), eos)


def _prompt(template: _Template, conversation: Conversation, system: str | None) -> PromptSpec | str:
    """The rendered prompt, or the sentence that says why the template refuses this conversation."""
    from jinja2 import TemplateError

    messages = [{"role": role, "content": content} for role, content in conversation.messages]
    if system is not None and (not messages or messages[0]["role"] != "system"):
        messages.insert(0, {"role": "system", "content": system})
    reference = conversation.reference
    try:
        ids = template.ids(messages, True)
        answer = None if reference is None else _reference_ids(template, messages, ids, reference)
    except TemplateError as error:
        return f"The chat template refuses this conversation: {error}."
    asked = next((content for role, content in reversed(conversation.messages) if role == "user"), "")
    return PromptSpec(
        conversation.id, asked, tuple(ids), None if answer is None else tuple(answer), len(reference or "")
    )


def _reference_ids(template: _Template, messages: list[dict[str, str]], prompt: list[int], answer: str) -> list[int]:
    """The reference's ids as training saw them, up to and with the end-of-turn token.

    Where the finished conversation does not begin with the prompt (templates that drop or add a thinking block),
    the answer is tokenized by itself behind the prompt.
    """
    full = template.ids([*messages, {"role": "assistant", "content": answer}], False)
    end = template.end_of_turn
    if full[: len(prompt)] != prompt or len(full) == len(prompt):
        own = [int(token) for token in template.tokenizer(answer, add_special_tokens=False)["input_ids"]]
        return own if end is None else [*own, end]
    reference = full[len(prompt) :]
    if end in reference:
        # Templates write a line break after the end of a turn, which the model is never asked to produce.
        del reference[len(reference) - reference[::-1].index(end) :]
    return reference


def _configured_stops(model_dir: Path) -> Iterable[int]:
    """The end tokens that config.json and generation_config.json name."""
    for name in ("config.json", "generation_config.json"):
        try:
            config = json.loads((model_dir / name).read_text("utf-8"))
        except (OSError, ValueError):
            continue
        yield from _ids(config.get("eos_token_id"))
        yield from _ids((config.get("text_config") or {}).get("eos_token_id"))


def _ids(value: Any) -> list[int]:
    """The ids in an `eos_token_id`, which is a number, a list of them, or nothing."""
    return [int(token) for token in (value if isinstance(value, list | tuple) else [value]) if token is not None]
