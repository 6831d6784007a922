"""What a model wrote, in the values that tools write: its texts, what stopped each of them, and why there is none.

| who writes it                         | what says that the token limit cut an answer                |
|---------------------------------------|-------------------------------------------------------------|
| uimon, OpenAI, vLLM, ms-swift, Cohere | `finish_reason`: `length`, `MAX_TOKENS`                     |
| Anthropic, Inspect                    | `stop_reason`: `max_tokens`, `model_length`                 |
| Gemini                                | `finishReason`: `MAX_TOKENS`                                |
| Bedrock                               | `stopReason`: `max_tokens`                                  |
| Ollama                                | `done_reason`: `length`                                     |
| SGLang                                | `meta_info.finish_reason.type`: `length`                    |
| TGI                                   | `details.finish_reason`: `length`                           |
| OpenAI's responses                    | `incomplete_details.reason`: `max_output_tokens`, or        |
|                                       | `status`: `incomplete` beside it                            |
| llama.cpp's server                    | `stop_type`: `limit`                                        |

It counts in the object that holds the text and in those around it, the nearest first. LLaMA-Factory, lm-eval, TRL,
verl, OpenCompass, AlpacaEval and transformers' pipelines write nothing of the kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from watcher.validation.roles import RoleNames

_FINISHES: Final = (
    *("finish_reason", "finish_reasons", "stop_reason", "finishReason", "stopReason", "done_reason", "stop_type"),
    *("meta_info.finish_reason", "details.finish_reason", "incomplete_details.reason"),
)
_CUT: Final = frozenset(
    {
        *("length", "limit", "max_tokens", "max_output_tokens", "max_new_tokens", "max_length", "incomplete"),
        *("model_length", "model_context_window_exceeded"),
    }
)
_BROKEN_OFF: Final = frozenset(
    {
        *("abort", "aborted", "error", "failed", "cancelled", "canceled"),
        *("content_filter", "safety", "recitation", "blocklist", "prohibited_content", "spii"),
    }
)
"""Reasons for which a service ends or withholds an answer that the model would have gone on with."""
_STATUSES: Final = frozenset({"incomplete", "failed", "cancelled"})
_FAILED_TYPES: Final = frozenset({"errored", "canceled", "expired"})
_SHOWN: Final = 100

# Where an object of a tool's holds the text, or the next object that does.
_PARTS: Final = (
    *("completion", "choices", "outputs", "candidates", "message", "text"),
    *("content", "parts", "generated_text", "output"),
)


@dataclass(frozen=True, slots=True)
class GeneratedText:
    """One text that a model wrote; None where there should be one and is none.

    `finish` is what stopped it, as the tool says, in lower case, and `error` what failed; empty where it does not say.
    """

    text: str | None
    finish: str = ""
    error: str = ""

    @property
    def cut(self) -> bool:
        """Whether the token limit cut it."""
        return self.finish in _CUT

    @property
    def lost(self) -> bool:
        """Whether it says nothing of the model: no text at all, or what a failed request left."""
        return self.text is None or self.finish in _BROKEN_OFF or bool(self.error and not self.text.strip())

    @property
    def why(self) -> str:
        """Why it is lost, in a few words; empty where the tool does not say."""
        if self.error:
            return f"its error: {self.error}"
        return f"what ended it: {self.finish}" if self.finish else ""


def texts(value: object) -> list[GeneratedText]:
    """The model's texts in a value: a text, a conversation's or message's, a tool's structure, or a list of those.

    A value that is null or empty holds one answer without a text; one of another kind holds none.
    """
    if isinstance(value, str):
        return [GeneratedText(value)]
    if isinstance(value, dict):
        return _inside(value)
    if value is None or value == []:
        return [GeneratedText(None)]
    if not isinstance(value, list):
        return []
    if any(isinstance(part, dict) and ("role" in part or "from" in part or _is_pair(part)) for part in value):
        answer = last_answer(value)
        return [] if answer is None else [answer]
    if all(isinstance(part, dict) and "type" in part for part in value):
        return [GeneratedText(_joined(value))]
    each = [texts(part) for part in value]
    return [answer for answers in each for answer in answers] if all(each) else []


def texts_at(value: object, path: str) -> list[GeneratedText]:
    """The texts at a dotted path; in lists a number takes one member, any other name goes through all."""
    if not path:
        return texts(value)
    name, _, rest = path.partition(".")
    if isinstance(value, list):
        members = value[int(name) : int(name) + 1] if name.isdecimal() else value
        inner = rest if name == "*" or name.isdecimal() else path
        return [answer for member in members for answer in texts_at(member, inner)]
    if not isinstance(value, dict):
        return []
    if path in value:
        return noted(value, texts(value[path]))
    return noted(value, texts_at(value[name], rest)) if name in value else []


def noted(value: Mapping[str, object], answers: Sequence[GeneratedText]) -> list[GeneratedText]:
    """The answers with what stopped them and what failed, where only the object around them says it."""
    finishes = _finishes_of(value)
    # Beside several answers a list has one word for each.
    each = finishes if len(finishes) == len(answers) else [finishes[0] if finishes else ""] * len(answers)
    error = error_of(value)
    pairs = zip(answers, each, strict=True)
    return [replace(answer, finish=answer.finish or finish, error=answer.error or error) for answer, finish in pairs]


def error_of(value: Mapping[str, object]) -> str:
    """What an object says that failed, on one line; empty where it says nothing."""
    said = _said(value.get("error"))
    if not said and value.get("object") == "error":
        said = _said(value)
    feedback = value.get("promptFeedback")
    if not said and isinstance(feedback, dict) and feedback.get("blockReason"):
        said = f"blocked, {feedback['blockReason']}"
    if not said and str(value.get("type")) in _FAILED_TYPES:
        said = str(value["type"])
    status = value.get("status_code")
    if not said and isinstance(status, int) and status >= 400:
        said = f"status {status}"
    refusal = value.get("refusal")
    if not said and isinstance(refusal, str) and refusal:
        said = f"refused, {refusal}"
    return " ".join(said.split())[:_SHOWN]


def last_answer(messages: Sequence[object]) -> GeneratedText | None:
    """The content of a conversation's last assistant turn, of content in parts the text parts; None without one."""
    for message in reversed(messages):
        if not isinstance(message, dict):
            continue
        if _is_pair(message):
            return noted(message, [_content(message["assistant"])])[0]
        if _role(message) == "assistant":
            return noted(message, [_content(message.get("content", message.get("value")))])[0]
    return None


def asked(messages: Sequence[object]) -> list[object]:
    """What a conversation has beside the assistant's turns, in its order."""
    found: list[object] = []
    for message in messages:
        if isinstance(message, dict) and _is_pair(message):
            found.append(message.get("human", message.get("user")))
        elif isinstance(message, dict) and _role(message) != "assistant":
            found.append(message)
    return found


def _role(message: Mapping[str, object]) -> str:
    """Who speaks, in the templates' words."""
    return RoleNames().meaning(str(message.get("role") or message.get("from")))


def _inside(value: Mapping[str, object]) -> list[GeneratedText]:
    """The texts in an object that a tool wrote: a response, one of its choices, a message."""
    answers: list[GeneratedText] = []
    if "body" in value:  # an OpenAI batch's response
        answers = texts(value["body"])
    elif "turns" in value:  # a conversation of several questions, of which the last answer counts
        turns = value["turns"]
        answers = texts(turns[-1]) if isinstance(turns, list) and turns else []
    else:
        answers = _first(texts_under(name, value[name]) for name in _PARTS if name in value)
    if not answers and (not value or error_of(value) or _finishes_of(value)):
        answers = [GeneratedText(None)]
    return noted(value, answers)


def _first(found: Iterable[list[GeneratedText]]) -> list[GeneratedText]:
    """The first answers with a text; where there are none, the first that should have one."""
    empty: list[GeneratedText] = []
    for answers in found:
        if any(answer.text is not None for answer in answers):
            return answers
        empty = empty or answers
    return empty


def texts_under(name: str, value: object) -> list[GeneratedText]:
    """The model's texts in what an object has under a name."""
    # Beside an error, `message` is a text for people.
    if name == "message" and isinstance(value, str):
        return []
    if name == "parts" and isinstance(value, list):
        spoken = [part for part in value if not (isinstance(part, dict) and part.get("thought"))]
        return [GeneratedText(_joined(spoken))]
    return texts(value)


def _content(value: object) -> GeneratedText:
    if isinstance(value, list):
        return GeneratedText(_joined(value))
    return GeneratedText(value if isinstance(value, str) else None)


def _is_pair(message: Mapping[str, object]) -> bool:
    """Whether it is ms-swift's question and answer in one."""
    return "assistant" in message and ("human" in message or "user" in message)


def _joined(parts: Sequence[object]) -> str | None:
    """The texts among a message's parts, as one; None where there is none."""
    each = [part.get("text") if isinstance(part, dict) else part for part in parts]
    found = [text for text in each if isinstance(text, str)]
    return "".join(found) if found else None


def _said(error: object) -> str:
    """An error in words, whatever it is written as; empty for what is none, such as a number that measures one."""
    if isinstance(error, str):
        return error
    if isinstance(error, dict):
        inner = (_said(error.get(name)) for name in ("message", "error", "code", "type"))
        return next(filter(None, inner), str(error) if error else "")
    return "yes" if error is True else ""


def _finishes_of(value: Mapping[str, object]) -> list[str]:
    """The words for what stopped an object's answers; none where it does not say."""
    for path in _FINISHES:
        found: object = value
        for name in path.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        words = [_word(one) for one in (found if isinstance(found, list) else [found])]
        if any(words):
            return words
    # Without its neighbor `status` is any column.
    status = str(value.get("status")) if "incomplete_details" in value else ""
    return [status] if status in _STATUSES else []


def _word(finish: object) -> str:
    """A reason in lower case, without the name of the enumeration that Python prints before it."""
    if isinstance(finish, dict):
        finish = finish.get("type")
    return finish.rpartition(".")[2].lower() if isinstance(finish, str) else ""
