"""Tokenizers without a tokenizer.json: what transformers makes of a vocabulary's own file, mended and proved.

The library's conversion of sentencepiece's BPE orders merges by the numbers of their pieces. The file orders them by
score, which is another order for blanks in a row: pages get other ids at every indentation. The backend is then built
from the file here. Whichever way, a conversion is believed only where it is seen to be right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from watcher.checkpoints.layouts.files import TOKENIZER_CONFIG
from watcher.engine.host.probing import HARD_TEXTS, PLAIN_TEXTS, excerpt, first, ids_of, text_of
from watcher.engine.host.tokenizer import Tokenizer
from watcher.engine.host.vocabulary_files import Reference, encoder_of, read_pieces
from watcher.engine.model_files.tokenizer_files import stated_in
from watcher.model import Reason, UimonError

SAVE = "save it as tokenizer.json from the training, or name a directory that has it with --tokenizer"
"""The way out of a tokenizer whose files do not say what it is."""
BLANK = "▁"
"""What stands for a blank in vocabularies of sentencepiece."""


def convert(path: Path) -> Tokenizer:
    """What the library makes of the files in `path`, which has no tokenizer.json, or the mended one where that is
    closer to the file. Raises `UimonError` (`tokenizer_missing`), and what the library raises.
    """
    tokenizer = _by_library(path)
    reference, pieces = encoder_of(path), read_pieces(path)
    if reference is not None and reference.special:
        _mark(tokenizer, reference.special)
        return tokenizer
    if reference is None or pieces is None or not pieces.merging:
        return tokenizer
    other = _by_library(path)
    _mend(other, pieces.scores(), plain=pieces.names("a")[:1] == ["a"], legacy=_legacy(path))
    # Where these texts show no difference, the file's own order of merges is the better guess for others.
    return min((other, tokenizer), key=lambda each: sum(map(_test(each, reference), (*PLAIN_TEXTS, *HARD_TEXTS))))


def prove(path: Path, tokenizer: Tokenizer, texts: Sequence[str]) -> str:
    """Refuse a conversion whose ids of `texts` are not seen to be right; a sentence where rare characters differ.

    Right are the ids that the file's own library makes; where there is none, those that come back to the last blank.
    Raises `UimonError` (`tokenizer_mismatch`).
    """
    reference = encoder_of(path)
    wrong = _test(tokenizer, reference)
    found = first((*texts, *PLAIN_TEXTS), wrong)
    if found is not None:
        how = "do not come back from its ids" if reference is None else f"get other ids than from {reference.library}"
        raise UimonError(
            Reason.TOKENIZER_MISMATCH,
            f"{path}: there is no tokenizer.json, and with the tokenizer that transformers builds from the other "
            f"files, texts {how} ({excerpt(found)}); {SAVE}.",
        )
    rare = first(HARD_TEXTS, wrong)
    if rare is None:
        return ""
    return f"The tokenizer has no tokenizer.json, and uimon could not verify its ids for texts like {excerpt(rare)}."


def _by_library(path: Path) -> Tokenizer:
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    # The class of mistral-common has no chat template and takes none.
    named = PreTrainedTokenizerFast if (path / "tekken.json").is_file() else AutoTokenizer
    if (path / "vocab.json").is_file() and not (path / "merges.txt").is_file() and read_pieces(path) is None:
        # The library would guess the merges from the vocabulary's order.
        raise UimonError(
            Reason.TOKENIZER_MISSING, f"{path}: vocab.json is not a tokenizer without its merges.txt; {SAVE}."
        )
    tokenizer: Tokenizer = named.from_pretrained(str(path), trust_remote_code=False, local_files_only=True)
    return tokenizer


def _test(tokenizer: Tokenizer, reference: Reference | None) -> Callable[[str], bool]:
    """A test that holds for texts of which the tokenizer is not seen to make the right ids."""
    added = [str(token) for token in tokenizer.added_tokens_decoder.values() if str(token)]

    def wrong(text: str) -> bool:
        ids = ids_of(tokenizer, text)
        back = text_of(tokenizer, ids, special=True)
        if reference is None:
            return back != text
        # The file's library does not know the tokens that were added to it.
        if any(token in text for token in added):
            return False
        return not reference.agrees(text, ids, tokenizer.convert_ids_to_tokens(ids), back)

    return wrong


def _mark(tokenizer: Tokenizer, special: Mapping[str, str]) -> None:
    """Give the tokenizer the special tokens of its own file, which the library's conversion only numbers: the
    beginning that each text has in training, and the end that stops a sample.
    """
    from tokenizers import processors

    for name, token in special.items():
        if getattr(tokenizer, name) is None:
            setattr(tokenizer, name, token)
    begin = special.get("bos_token")
    if begin is not None:
        tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{begin} $A",
            pair=f"{begin} $A {begin} $B",
            special_tokens=[(begin, tokenizer.convert_tokens_to_ids(begin))],
        )


def _mend(tokenizer: Tokenizer, scores: Sequence[tuple[str, float | None]], *, plain: bool, legacy: bool) -> None:
    """Give the tokenizer the file's own merges, and blanks as its writers had them.

    `scores` are the pieces by id, without a score those that merge with nothing. `plain`: no blank is put before a
    text. `legacy`: one is put before each part between special tokens, not before the first only.
    """
    from tokenizers import decoders, models, normalizers, pre_tokenizers

    vocabulary = {piece: number for number, (piece, _) in enumerate(scores)}
    unknown = tokenizer.unk_token if tokenizer.unk_token in vocabulary else None
    backend = tokenizer.backend_tokenizer
    backend.model = models.BPE(
        vocab=vocabulary, merges=_merges(scores), unk_token=unknown, fuse_unk=True, byte_fallback=True
    )
    written = normalizers.Replace(" ", BLANK)
    before = plain or not legacy
    backend.normalizer = written if before else normalizers.Sequence([normalizers.Prepend(BLANK), written])
    scheme = None if plain or legacy else "first"
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False) if scheme else None
    parts = [decoders.Replace(BLANK, " "), decoders.ByteFallback(), decoders.Fuse()]
    backend.decoder = decoders.Sequence(parts if plain else [*parts, decoders.Strip(" ", 1, 0)])


def _merges(scores: Sequence[tuple[str, float | None]]) -> list[tuple[str, str]]:
    """The merges of pieces in sentencepiece's order: by score, and from the left where scores are the same.

    Blanks in a row share one score. From the left they become the longest pieces, so longer halves come first.
    """
    known = {piece: score for piece, score in scores if score is not None}
    found = [
        (-score, -len(piece[:at]), -len(piece[at:]), piece[:at], piece[at:])
        for piece, score in known.items()
        for at in range(1, len(piece))
        if piece[:at] in known and piece[at:] in known
    ]
    return [(left, right) for *_, left, right in sorted(found)]


def _legacy(path: Path) -> bool:
    """Whether the configuration has `legacy`, which counts as set where it says nothing, as with its writers."""
    return stated_in(path / TOKENIZER_CONFIG).get("legacy") is not False
