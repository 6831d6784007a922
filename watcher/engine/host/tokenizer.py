"""What uimon uses of a tokenizer of transformers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import tokenizers


class Tokenizer(Protocol):
    """A `transformers.PreTrainedTokenizerFast`, or another class that has this of it."""

    backend_tokenizer: tokenizers.Tokenizer
    chat_template: str | Mapping[str, str] | None
    eos_token: str | None
    eos_token_id: int | Sequence[int] | None
    unk_token: str | None
    added_tokens_decoder: Mapping[int, tokenizers.AddedToken]
    all_special_ids: Sequence[int]
    split_special_tokens: bool

    def __call__(self, text: str, *, add_special_tokens: bool = True) -> Mapping[str, Sequence[int]]: ...

    def decode(
        self, token_ids: list[int], *, skip_special_tokens: bool, clean_up_tokenization_spaces: bool
    ) -> object: ...

    def convert_tokens_to_ids(self, tokens: str) -> int: ...

    def convert_ids_to_tokens(self, ids: Sequence[int]) -> Sequence[str]: ...

    def apply_chat_template(
        self,
        conversation: Sequence[Mapping[str, object]],
        *,
        add_generation_prompt: bool,
        tokenize: bool,
        return_dict: bool,
        **options: object,
    ) -> Any: ...
