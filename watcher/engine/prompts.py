"""From conversations to token ids, as the trainer's tokenizer makes them. Runs in the engine host.

Prompts are rendered once and travel as ids: what a later checkpoint's directory says about its tokenizer can
then no longer change what is measured, and no begin-of-text token is added twice. Ids that the model does not have,
and reference answers that do not survive the template and the tokenizer, are errors: they would give a number too.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watcher.engine.blanks import lost_blanks
from watcher.engine.conversion import BLANK
from watcher.engine.probing import text_of
from watcher.engine.protocol import Render
from watcher.engine.tokenizer_files import read_stamp
from watcher.engine.tokenizers import normalized, open_tokenizer, template_of, texts_in
from watcher.engine.types import Conversation, PromptSpec, Rendered
from watcher.model import Reason, UimonError

# Stands where an answer would, to see what a template writes after it.
_ANSWER = "ANSWER-7f3a"
_EXCERPT_CHARS = 40


@dataclass(frozen=True, slots=True)
class _Template:
    """A tokenizer with one chat template, its arguments, and the token that ends a turn (None: there is none).

    `note` is what a person should know of the tokenizer.
    """

    tokenizer: Any
    text: str
    kwargs: Mapping[str, Any]
    end_of_turn: int | None
    note: str = ""

    def ids(self, messages: list[dict[str, str]], answering: bool) -> list[int]:
        """Token ids of `messages`, the opening of the assistant's turn added where `answering`."""
        return [int(token) for token in self._apply(messages, answering, tokenize=True)["input_ids"]]

    def render(self, messages: list[dict[str, str]]) -> str:
        """The text of `messages` as a finished conversation."""
        return str(self._apply(messages, False, tokenize=False))

    def alone(self, answer: str) -> list[int]:
        """Token ids of an answer by itself, and of the end of its turn."""
        own = [int(token) for token in self.tokenizer(answer, add_special_tokens=False)["input_ids"]]
        return own if self.end_of_turn is None else [*own, self.end_of_turn]

    def changed(self, messages: list[dict[str, str]], answer: str) -> str:
        """What of `answer` the finished conversation has with other blanks; empty where it has them all."""
        opened = str(self._apply(messages, True, tokenize=False))
        finished = self.render([*messages, {"role": "assistant", "content": answer}])
        special = [str(token) for token in self.tokenizer.added_tokens_decoder.values() if token.special]
        return lost_blanks(answer, finished, _shared(opened, finished), special)

    def missing(self, ids: Sequence[int], start: int, answer: str) -> str:
        """What `ids` lack of `answer`, from the first lost character on; empty where all is there, blanks aside.

        The answer's end has to lie behind `ids[:start]`, its beginning may lie before: a template may open the
        thinking block with which the answer begins.
        """
        wanted, text = _compact(normalized(self.tokenizer, answer)), _compact(self._decode(ids))
        text = text[max(0, len(_compact(self._decode(ids[:start]))) - len(wanted) + 1) :]
        if wanted in text:
            return ""
        return wanted[bisect_left(range(len(wanted)), True, key=lambda last: wanted[: last + 1] not in text) :]

    def _decode(self, ids: Sequence[int]) -> str:
        return text_of(self.tokenizer, ids, special=True)

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

    Raises `UimonError`: `tokenizer_missing`, `chat_template_missing`, `tokenizer_mismatch` (an id that the model does
    not have, or ids that are not what the tokenizer's files say), `template_mismatch` (a reference of which something
    is lost).
    """
    template = _template(request)
    vocabulary = _vocabulary_size(request.model_dir)
    prompts: list[PromptSpec] = []
    skipped: list[tuple[str, str]] = []
    for conversation in request.conversations:
        prompt = _prompt(template, conversation, request.system)
        if isinstance(prompt, str):
            skipped.append((conversation.id, prompt))
            continue
        _check_ids(prompt, vocabulary, request)
        if len(prompt.token_ids) >= context:
            size = len(prompt.token_ids)
            skipped.append((conversation.id, f"The prompt has {size} tokens; the context holds {context}."))
        else:
            prompts.append(prompt)
    stops = {*_configured_stops(request.model_dir), *_ids(template.tokenizer.eos_token_id), *_ids(template.end_of_turn)}
    digest = hashlib.sha256(
        json.dumps([template.text, dict(request.template_kwargs), request.system], sort_keys=True).encode()
    )
    return Rendered(
        tuple(prompts),
        tuple(skipped),
        tuple(sorted(stops)),
        digest.hexdigest()[:16],
        context,
        read_stamp(request.tokenizer),
        template.note,
    )


def _check_ids(prompt: PromptSpec, vocabulary: int | None, request: Render) -> None:
    """Refuse ids that the model has no embedding for: other weights would be read for them, or the engine dies."""
    largest = max((*prompt.token_ids, *(prompt.reference_ids or ())), default=0)
    if vocabulary is not None and largest >= vocabulary:
        raise UimonError(
            Reason.TOKENIZER_MISMATCH,
            f"The tokenizer in {request.tokenizer} gives the token id {largest}, but the model in {request.model_dir} "
            f"has only {vocabulary} tokens; name the model's own tokenizer with --tokenizer.",
        )


def _template(request: Render) -> _Template:
    opened = open_tokenizer(request.tokenizer, list(texts_in(request.conversations)))
    tools = request.template_kwargs.get("tools") is not None
    text = request.chat_template or template_of(request.tokenizer, opened.tokenizer, tools=tools)
    if not text:
        raise UimonError(
            Reason.CHAT_TEMPLATE_MISSING,
            f"{request.tokenizer}: the tokenizer has no chat template; name the one used in training.",
        )
    bare = _Template(opened.tokenizer, text, request.template_kwargs, None)
    return _Template(opened.tokenizer, text, request.template_kwargs, _end_of_turn(bare), opened.note)


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
        answer = None if reference is None else _reference_ids(template, conversation.id, messages, ids, reference)
    except TemplateError as error:
        return f"The chat template refuses this conversation: {error}."
    asked = next((content for role, content in reversed(conversation.messages) if role == "user"), "")
    return PromptSpec(
        conversation.id, asked, tuple(ids), None if answer is None else tuple(answer), len(reference or "")
    )


def _reference_ids(
    template: _Template, name: str, messages: list[dict[str, str]], prompt: list[int], answer: str
) -> list[int]:
    """The reference's ids as training saw them, up to and with the end-of-turn token behind the answer.

    Where the finished conversation does not begin with the prompt (templates that drop or add a thinking block),
    the answer is tokenized by itself behind the prompt. Raises `UimonError` (`template_mismatch`) where the template
    drops or rewrites some of the answer, or the tokenizer has no tokens for it.
    """
    full = template.ids([*messages, {"role": "assistant", "content": answer}], False)
    shared = _shared(prompt, full)
    _require(template.missing(full, shared, answer), "lose", name)
    _require(template.changed(messages, answer), "change blanks in", name)
    if shared < len(prompt) or shared == len(full):
        full, shared = [*prompt, *template.alone(answer)], len(prompt)
    # Templates write a line break after the end of a turn, which the model is never asked to produce.
    ends = (at + 1 for at in range(shared, len(full)) if full[at] == template.end_of_turn)
    end = next((at for at in ends if not template.missing(full[:at], shared, answer)), len(full))
    return full[shared:end]


def _shared(one: Sequence[Any], other: Sequence[Any]) -> int:
    """How many ids or characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _require(missing: str, how: str, name: str) -> None:
    if missing:
        shown = missing if len(missing) <= _EXCERPT_CHARS else f"{missing[:_EXCERPT_CHARS]}…"
        raise UimonError(
            Reason.TEMPLATE_MISMATCH,
            f"The reference answer of conversation {name} does not survive the chat template and the tokenizer: they "
            f"{how} {shown!r}; name those of the training (--chat-template, --tokenizer), or remove the reference.",
        )


def _compact(text: str) -> str:
    """The text without blanks and in normal form KC: what templates trim and tokenizers normalize does not count.

    >>> _compact(" a\\u00a0\\ufb01\\n▁b")
    'afib'
    """
    return "".join(unicodedata.normalize("NFKC", text).replace(BLANK, " ").split())


def _configured_stops(model_dir: Path) -> Iterable[int]:
    """The end tokens that config.json and generation_config.json name."""
    for name in ("config.json", "generation_config.json"):
        config = _read_config(model_dir / name)
        yield from _ids(config.get("eos_token_id"))
        yield from _ids((config.get("text_config") or {}).get("eos_token_id"))


def _vocabulary_size(model_dir: Path) -> int | None:
    """How many tokens the model has; None where its config.json does not say."""
    config = _read_config(model_dir / "config.json")
    sizes = ((config.get("text_config") or {}).get("vocab_size"), config.get("vocab_size"))
    return next((size for size in sizes if isinstance(size, int)), None)


def _read_config(file: Path) -> dict[str, Any]:
    """The JSON object in a file; empty where there is none."""
    try:
        config = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def _ids(value: Any) -> list[int]:
    """The ids in an `eos_token_id`, which is a number, a list of them, or nothing."""
    return [int(token) for token in (value if isinstance(value, list | tuple) else [value]) if token is not None]
