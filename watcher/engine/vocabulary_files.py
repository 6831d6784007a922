"""What the libraries that wrote a vocabulary's file make of a text, to hold a conversion of that file against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_SENTENCEPIECE = ("tokenizer.model", "spiece.model", "sentencepiece.bpe.model")


@dataclass(frozen=True, slots=True)
class Reference:
    """A library's own reading of its file.

    `encode` gives the ids of a text, `decode` the text of those ids, `names` the pieces of a text (None: it has none).
    """

    library: str
    encode: Callable[[str], list[int]]
    decode: Callable[[list[int]], str]
    names: Callable[[str], list[str]] | None = None

    def agrees(self, text: str, ids: Sequence[int], pieces: Sequence[str], back: str) -> bool:
        """True where `ids`, which are `pieces` and read `back`, are what the library makes of `text` too.

        Pieces count where ids differ: some families (XLM-RoBERTa, CamemBERT) shift the ids of sentencepiece to make
        room for tokens of theirs. Whether a blank at the very beginning comes back is a matter of taste.
        """
        wanted = self.encode(text)
        same = list(ids) == wanted or (self.names is not None and list(pieces) == self.names(text))
        return same and back.lstrip(" ") == self.decode(wanted).lstrip(" ")


def encoder_of(path: Path) -> Reference | None:
    """The encoder of the vocabulary in the directory `path`; None where no library reads its file by itself."""
    if (path / "tekken.json").is_file():
        return _tekken(path / "tekken.json")
    for name in _SENTENCEPIECE:
        if (path / name).is_file():
            return _sentencepiece(path / name)
    return None


def _sentencepiece(file: Path) -> Reference | None:
    try:
        from sentencepiece import SentencePieceProcessor

        model = SentencePieceProcessor(model_file=str(file))
    except (ImportError, RuntimeError, OSError):
        # A file of tiktoken has the same name, and no pre-tokenizer in it.
        return None
    return Reference("sentencepiece", model.encode, model.decode, lambda text: model.encode(text, out_type=str))


def _tekken(file: Path) -> Reference | None:
    try:
        from mistral_common.tokens.tokenizers.tekken import Tekkenizer

        model = Tekkenizer.from_file(file)
    except (ImportError, ValueError, KeyError, OSError):
        return None
    return Reference("mistral-common", lambda text: model.encode(text, bos=False, eos=False), model.decode)
