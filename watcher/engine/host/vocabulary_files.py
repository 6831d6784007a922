"""What the libraries that wrote a vocabulary's file make of a text, to hold a conversion of that file against."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer
    from sentencepiece import SentencePieceProcessor


_SENTENCEPIECE = ("tokenizer.model", "spiece.model", "sentencepiece.bpe.model")

# The library finds them by these texts in whatever a tekken.json lists, and in what an old one leaves to the library.
_TEKKEN_SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


@dataclass(frozen=True, slots=True)
class Reference:
    """A library's own reading of its file.

    `encode` gives the ids of a text, `decode` the text of those ids, `names` the pieces of a text (None: it has none).
    `special` has the texts of the special tokens that the file itself names, by the attributes of transformers'
    tokenizers; its texts begin with `bos_token`. Empty where such a file leaves that to its configuration.
    """

    library: str
    encode: Callable[[str], list[int]]
    decode: Callable[[list[int]], str]
    names: Callable[[str], list[str]] | None = None
    special: Mapping[str, str] = field(default_factory=dict)

    def agrees(self, text: str, ids: Sequence[int], pieces: Sequence[str], back: str) -> bool:
        """True where `ids`, which are `pieces` and read `back`, are what the library makes of `text` too.

        Pieces count where ids differ: some families (XLM-RoBERTa, CamemBERT) shift the ids of sentencepiece to make
        room for tokens of theirs. Whether a blank at the very beginning comes back is a matter of taste.
        """
        wanted = self.encode(text)
        same = list(ids) == wanted or (self.names is not None and list(pieces) == self.names(text))
        return same and back.lstrip(" ") == self.decode(wanted).lstrip(" ")


@dataclass(frozen=True, slots=True)
class Pieces:
    """A file of sentencepiece, read by its own library."""

    model: SentencePieceProcessor

    @property
    def merging(self) -> bool:
        """True for a BPE that falls back on bytes, as models of the Llama kind have it; Unigram models do not merge.

        The library does not tell the kind of a model. The scores of a BPE's pieces are whole numbers, those of a
        Unigram model are logarithms.
        """
        scores = [score for _, score in self.scores() if score is not None]
        return any(map(self.model.is_byte, range(self.model.vocab_size()))) and all(s == int(s) for s in scores)

    def scores(self) -> list[tuple[str, float | None]]:
        """The pieces by id, each with its score; without one those that a text never becomes by merging."""
        apart = (self.model.is_control, self.model.is_byte, self.model.is_unknown, self.model.is_unused)
        numbers = range(self.model.vocab_size())
        return [
            (self.model.id_to_piece(at), None if any(test(at) for test in apart) else float(self.model.get_score(at)))
            for at in numbers
        ]

    def ids(self, text: str) -> list[int]:
        """The ids of a text."""
        return [int(token) for token in self.model.encode(text)]

    def names(self, text: str) -> list[str]:
        """The pieces of a text."""
        return [str(piece) for piece in self.model.encode(text, out_type=str)]


def read_pieces(path: Path) -> Pieces | None:
    """The file of sentencepiece in the directory `path`; None where there is none, or it is none of sentencepiece's."""
    file = next((path / name for name in _SENTENCEPIECE if (path / name).is_file()), None)
    if file is None:
        return None
    try:
        from sentencepiece import SentencePieceProcessor

        return Pieces(SentencePieceProcessor(model_file=str(file)))
    except (ImportError, RuntimeError, OSError):
        # A file of tiktoken may have the same name, and has no pre-tokenizer in it.
        return None


def encoder_of(path: Path) -> Reference | None:
    """The encoder of the vocabulary in the directory `path`; None where no library reads its file by itself."""
    if (path / "tekken.json").is_file():
        return _tekken(path / "tekken.json")
    pieces = read_pieces(path)
    return None if pieces is None else Reference("sentencepiece", pieces.ids, pieces.model.decode, pieces.names)


def _tekken(file: Path) -> Reference | None:
    try:
        from mistral_common.tokens.tokenizers.tekken import Tekkenizer

        model = Tekkenizer.from_file(file)
    except (ImportError, ValueError, KeyError, OSError, AssertionError):
        return None
    library = "mistral-common"
    special = {name: text for name, text in _TEKKEN_SPECIAL.items() if _has_special(model, text)}
    return Reference(library, lambda text: model.encode(text, bos=False, eos=False), model.decode, special=special)


def _has_special(model: Tekkenizer, text: str) -> bool:
    try:
        model.get_special_token(text)
    except (KeyError, ValueError):
        return False
    return True
