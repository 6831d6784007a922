"""One sample of an evaluation: as it was just measured, and as the ledger and `samples.jsonl` keep it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TypeAlias

from scorers import Sample, SampleError


@dataclass(frozen=True, slots=True)
class EvaluatedSample:
    """The completion of `index` for one prompt, and what was measured of it. `tokens` counts those of the completion;
    `finish_reason` is vLLM's word (`stop`, `length`).
    """

    prompt_id: str
    index: int
    prompt: str
    completion: str
    tokens: int
    finish_reason: str
    score: Sample

    def to_dict(self) -> Mapping[str, object]:
        """Plain values for `json.dumps`: what is kept of it."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**plain, "score": self.score.to_dict()}


@dataclass(frozen=True, slots=True)
class StoredSample:
    """A sample as it was kept. `document` is what `EvaluatedSample.to_dict` gave, perhaps that of an earlier version,
    or what is left of it. It is read field by field, since one whose measurements are damaged still has its completion.
    Each field raises SampleError where it cannot be read.
    """

    document: Mapping[str, object]

    @property
    def prompt_id(self) -> str:
        """The prompt's identity."""
        return self._text("prompt_id")

    @property
    def prompt(self) -> str:
        """The prompt as people read it."""
        return self._text("prompt")

    @property
    def completion(self) -> str:
        """What the model wrote."""
        return self._text("completion")

    @property
    def finish_reason(self) -> str:
        """Why the model stopped."""
        return self._text("finish_reason")

    @property
    def score(self) -> Sample:
        """What was measured of it."""
        score = self.document.get("score")
        if not isinstance(score, Mapping):
            raise SampleError("A sample is stored without its measurements.")
        return Sample.from_dict(score)

    def to_dict(self) -> Mapping[str, object]:
        """The document, as it is."""
        return self.document

    def lacking(self) -> list[str]:
        """Which of the fields that scoring reads are not there."""
        names = ("prompt_id", "completion", "finish_reason")
        return [name for name in names if not isinstance(self.document.get(name), str)]

    def scored(self, score: Sample) -> StoredSample:
        """The same sample with other measurements. What an earlier version did not keep of it stays away."""
        return StoredSample({**self.document, "score": score.to_dict()})

    def _text(self, name: str) -> str:
        value = self.document.get(name)
        if not isinstance(value, str):
            raise SampleError(f"A sample is stored without `{name}`.")
        return value


KeptSample: TypeAlias = EvaluatedSample | StoredSample
