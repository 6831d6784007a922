"""From conversations to token ids, as the trainer's tokenizer makes them. Runs in the engine host.

Prompts are rendered once and travel as ids: what a later checkpoint's directory says about its tokenizer can
then no longer change what is measured, and no begin-of-text token is added twice. Ids that the model does not have
are an error, and reference answers that do not survive the template and the tokenizer are set apart: they would give
a number too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from watcher.checkpoints.layouts.files import CONFIG, GENERATION_CONFIG
from watcher.engine.host.blanks import lost_blanks
from watcher.engine.host.references import (
    ReferenceLost,
    common_prefix,
    missing,
    plain_prompt,
    require_blanks,
    require_nothing_lost,
    with_reference,
)
from watcher.engine.host.tokenizer import Tokenizer
from watcher.engine.host.tokenizers import DEFAULT_TEMPLATE, TOOL_TEMPLATE, open_tokenizer, templates_of, texts_in
from watcher.engine.model_files.tokenizer_files import read_stamp, stated_in
from watcher.engine.protocol import Render
from watcher.engine.types import Asked, Conversation, Message, PlainText, PromptSpec, Rendered, texts_of
from watcher.model import Reason, UimonError

# Stands where an answer would, to see what a template writes after it.
_ANSWER = "ANSWER-7f3a"


@dataclass(frozen=True, slots=True)
class _Template:
    """A tokenizer with its chat templates by name, their arguments, and the token that ends a turn (None: none is
    known).
    """

    tokenizer: Tokenizer
    texts: Mapping[str, str]
    kwargs: Mapping[str, object]
    end_of_turn: int | None = None

    def ids(self, messages: Sequence[Message], variables: Mapping[str, object], answering: bool) -> list[int]:
        """Token ids of `messages`, the opening of the assistant's turn added where `answering`."""
        return [int(token) for token in self._apply(messages, variables, answering, tokenize=True)["input_ids"]]

    def render(self, messages: Sequence[Message], variables: Mapping[str, object], answering: bool) -> str:
        """The text of `messages`, as `ids` has their token ids."""
        return str(self._apply(messages, variables, answering, tokenize=False))

    def _apply(
        self, messages: Sequence[Message], variables: Mapping[str, object], answering: bool, *, tokenize: bool
    ) -> Any:
        given = {**self.kwargs, **variables}
        # As transformers chooses: models that have a template of its own for tools take it where there are some.
        tools = given.get("tools") is not None and TOOL_TEMPLATE in self.texts
        name = TOOL_TEMPLATE if tools else DEFAULT_TEMPLATE
        options = {"chat_template": self.texts[name], **given}
        return self.tokenizer.apply_chat_template(
            [dict(message) for message in messages],
            add_generation_prompt=answering,
            tokenize=tokenize,
            return_dict=tokenize,
            **options,
        )


def render(request: Render, context: int) -> Rendered:
    """Render everything that fits into `context` tokens with at least one token of answer.

    Raises `UimonError`: `tokenizer_missing`, `chat_template_missing` (only conversations need one),
    `tokenizer_mismatch` (an id that the model does not have, or ids that are not what the tokenizer's files say).
    """
    opened = open_tokenizer(request.tokenizer, list(texts_in(request.conversations)))
    tokenizer = opened.tokenizer
    template = _Template(tokenizer, _texts(request, tokenizer), request.template_kwargs)
    if any(isinstance(asked, Conversation) for asked in request.conversations):
        template = _usable(template, request)
    vocabulary = _vocabulary_size(request.model_dir)
    prompts: list[PromptSpec] = []
    skipped: list[tuple[str, str]] = []
    lost: list[tuple[str, str]] = []
    for asked in request.conversations:
        try:
            prompt = _prompt(template, asked, request.system)
        except ReferenceLost as error:
            lost.append((asked.id, str(error)))
            continue
        if isinstance(prompt, PromptSpec):
            _check_ids(prompt, vocabulary, request)
            prompt = _fitting(prompt, context)
        if isinstance(prompt, str):
            skipped.append((asked.id, prompt))
        else:
            prompts.append(prompt)
    stops = {*_configured_stops(request.model_dir), *_ids(tokenizer.eos_token_id), *_ids(template.end_of_turn)}
    return Rendered(
        tuple(prompts),
        tuple(skipped),
        tuple(sorted(stops)),
        _digest(template, request.system),
        context,
        read_stamp(request.tokenizer),
        opened.note,
        tuple(lost),
    )


def _digest(template: _Template, system: str | None) -> str:
    named = template.texts if TOOL_TEMPLATE in template.texts else template.texts.get(DEFAULT_TEMPLATE)
    what = json.dumps([named, dict(template.kwargs), system], sort_keys=True)
    return hashlib.sha256(what.encode()).hexdigest()[:16]


def _prompt(template: _Template, asked: Asked, system: str | None) -> PromptSpec | str:
    """The rendered prompt, or the sentence that says why it cannot be used."""
    if isinstance(asked, PlainText):
        return plain_prompt(template.tokenizer, asked)
    return _chat_prompt(template, asked, system)


def _fitting(prompt: PromptSpec, context: int) -> PromptSpec | str:
    """The prompt, or the sentence that says that the context does not hold it. An overlong reference is skipped only
    when it is measured, since its prompt can be asked.
    """
    size = len(prompt.token_ids if prompt.sampled else prompt.scored_ids)
    return prompt if size < context else f"The prompt has {size} tokens; the context holds {context}."


def _check_ids(prompt: PromptSpec, vocabulary: int | None, request: Render) -> None:
    """Refuse ids that the model has no embedding for: other weights would be read for them, or the engine dies."""
    largest = prompt.highest
    if vocabulary is not None and largest >= vocabulary:
        raise UimonError(
            Reason.TOKENIZER_MISMATCH,
            f"The tokenizer in {request.tokenizer} gives the token id {largest}, but the model in {request.model_dir} "
            f"has only {vocabulary} tokens; name the model's own tokenizer with --tokenizer.",
        )


def _texts(request: Render, tokenizer: Tokenizer) -> dict[str, str]:
    """The chat templates by their names; the one that was named stands for all."""
    if request.chat_template:
        return {DEFAULT_TEMPLATE: request.chat_template}
    return templates_of(request.tokenizer, tokenizer)


def _usable(template: _Template, request: Render) -> _Template:
    """The template with the token that ends its turns. Raises `UimonError`: `chat_template_missing`."""
    if not template.texts.get(DEFAULT_TEMPLATE):
        raise UimonError(
            Reason.CHAT_TEMPLATE_MISSING,
            f"{request.tokenizer}: the tokenizer has no chat template; name the one used in training with "
            "--chat-template, or, where training used none, give prompts as text (--val-format pair or alpaca-text).",
        )
    from jinja2 import TemplateSyntaxError

    try:
        return replace(template, end_of_turn=_end_of_turn(template))
    except TemplateSyntaxError as error:
        where = "--chat-template" if request.chat_template else str(request.tokenizer)
        said = f"{where}: the chat template cannot be parsed (line {error.lineno}: {str(error.message).rstrip('.')}); "
        said += "correct it, or name the one used in training with --chat-template."
        raise UimonError(Reason.CHAT_TEMPLATE_MISSING, said) from error


def _end_of_turn(template: _Template) -> int | None:
    """The token that the template writes after an answer: the first added token there, else the tokenizer's eos."""
    eos = next(iter(_ids(template.tokenizer.eos_token_id)), None)
    # Some templates know text alone, some parts alone.
    told = (
        _finished(template, "?", _ANSWER),
        _finished(template, *([{"type": "text", "text": t}] for t in ("?", _ANSWER))),
    )
    text = next((each for each in told if _ANSWER in each), "")
    _, _, rest = text.rpartition(_ANSWER)
    added = {*template.tokenizer.added_tokens_decoder, *template.tokenizer.all_special_ids}
    after = template.tokenizer(rest, add_special_tokens=False)["input_ids"]
    return next((int(token) for token in after if token in added), eos)


def _finished(template: _Template, asked: object, answer: object) -> str:
    """A question and its answer as the template writes them; empty where it refuses them. Raises TemplateSyntaxError
    where it is no template.
    """
    from jinja2 import TemplateSyntaxError

    try:
        return template.render(
            [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}], {}, False
        )
    except TemplateSyntaxError:
        raise
    except _refusals():
        return ""


def _chat_prompt(template: _Template, conversation: Conversation, system: str | None) -> PromptSpec | str:
    """The rendered prompt, or the sentence that says why the template refuses this conversation.

    The tokens of the reference are those by which the finished conversation goes on after what it shares with the
    prompt, up to and with the end-of-turn token behind the answer; what comes before them is what training saw there.
    Raises ReferenceLost where the template drops or rewrites some of the answer, or the tokenizer has no tokens for it.
    """
    messages = list(conversation.messages)
    if system is not None and (not messages or messages[0]["role"] != "system"):
        messages.insert(0, {"role": "system", "content": system})
    try:
        prompt = template.ids(messages, conversation.variables, True)
        full = None
        if conversation.reference is not None:
            full = template.ids([*messages, conversation.reference], conversation.variables, False)
    except _refusals() as error:
        return f"The chat template refuses this conversation: {error}."
    if unseen := _unseen_parts(template, conversation, messages):
        return unseen
    spec = PromptSpec(conversation.id, conversation.asked, tuple(prompt))
    if conversation.reference is None or full is None:
        return spec
    answer = texts_of(conversation.reference.get("content"))
    shared = common_prefix(prompt, full)
    require_nothing_lost(template.tokenizer, full, shared, answer, conversation.id)
    _require_blanks(template, conversation, messages)
    # Templates write a line break after the end of a turn, which the model is never asked to produce.
    ends = (at + 1 for at in range(shared, len(full)) if full[at] == template.end_of_turn)
    end = next((at for at in ends if not missing(template.tokenizer, full[:at], shared, answer)), len(full))
    if end - shared <= (full[end - 1] == template.end_of_turn):
        return "The chat template writes nothing of the reference answer (a tool call, or reasoning, alone)."
    return with_reference(spec, full[:end], shared, _length(conversation.reference))


def _unseen_parts(template: _Template, conversation: Conversation, messages: Sequence[Message]) -> str:
    """The sentence that says that a template does not write a turn whose content is in parts; empty where it does.

    Many templates know text alone. Training saw an empty turn then, and its prompt is no question.
    """
    parted = [m for m in messages if m["role"] in ("user", "system") and isinstance(m.get("content"), list | tuple)]
    if not parted:
        return ""
    opened = "".join(template.render(messages, conversation.variables, True).split())
    for message in parted:
        if any("".join(text.split()) not in opened for text in texts_of(message["content"])):
            role = message["role"]
            return f"The chat template does not write the text of the {role} turn, whose content is in parts."
    return ""


def _require_blanks(template: _Template, conversation: Conversation, messages: Sequence[Message]) -> None:
    """Raises ReferenceLost where the finished conversation has the answer with other blanks."""
    assert conversation.reference is not None
    opened = template.render(messages, conversation.variables, True)
    finished = template.render([*messages, conversation.reference], conversation.variables, False)
    special = [str(token) for token in template.tokenizer.added_tokens_decoder.values() if token.special]
    shared = common_prefix(opened, finished)
    answer = texts_of(conversation.reference.get("content"))
    require_blanks(lost_blanks(answer, finished, shared, special), conversation.id)


def _refusals() -> tuple[type[Exception], ...]:
    """What templates raise on purpose, and where a turn has not the keys or kinds of values that they count on."""
    from jinja2 import TemplateError

    return TemplateError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError


def _length(reference: Message) -> int:
    """Characters of an answer: its text, its reasoning, and its tool calls as JSON."""
    keys = ("content", "reasoning_content", "reasoning", "thinking")
    calls = reference.get("tool_calls")
    chars = sum(len(text) for key in keys for text in texts_of(reference.get(key)))
    return chars + (len(json.dumps(calls)) if calls else 0)


def _configured_stops(model_dir: Path) -> Iterable[int]:
    """The end tokens that config.json and generation_config.json name."""
    for name in (CONFIG, GENERATION_CONFIG):
        config = stated_in(model_dir / name)
        yield from _ids(config.get("eos_token_id"))
        yield from _ids((config.get("text_config") or {}).get("eos_token_id"))


def _vocabulary_size(model_dir: Path) -> int | None:
    """How many tokens the model has; None where its config.json does not say."""
    config = stated_in(model_dir / CONFIG)
    sizes = ((config.get("text_config") or {}).get("vocab_size"), config.get("vocab_size"))
    return next((size for size in sizes if isinstance(size, int)), None)


def _ids(value: Any) -> list[int]:
    """The ids in an `eos_token_id`, which is a number, a list of them, or nothing."""
    return [int(token) for token in (value if isinstance(value, list | tuple) else [value]) if token is not None]
