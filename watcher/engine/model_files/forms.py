"""Which of the strange parameters an engine keeps in a form of its own, and which are not the files'.

vLLM prepares some layers for the kernels of one device: experts in blocks (FlashInfer, AITER), factors multiplied into
one another, convolutions as matrices. What is prepared before `fingerprints` can look has no row of the files, on that
device and no other, and is right nevertheless. Known ones of vLLM 0.32 are looked at before that happens
(`worker_extension`); this is for the others, those of later versions and of classes that bring their own.

A form belongs to code, which treats all layers alike and leaves the rest of the model alone. So a kind of parameter
counts as kept in another form where

- it is strange in every layer that has it, and wholly: a model in which other weights are mixed shows rows of the
  files beside strange ones, or whole layers;
- the matrices of the vocabulary, which are as long as rows are known to be, are all the files';
- of everything else, at least half of the bytes are the files', so that another model of the same vocabulary, with its
  embeddings never trained, is none.

This is decided when an engine starts. What matched then has to match after every change of weights.

Not covered: weights of another origin for all layers of one kind that no other kind shares rows with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_NUMBERS = re.compile(r"(?<![^.])\d+(?![^.])")
_LEAST_SHARE = 0.5
# The numbers of a vector are compared one by one, and so many of 16 bits are among a layer's others by chance.
_VECTOR_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class ParameterMatch:
    """What became of one served parameter: of its `rows` that are not all zeros, how many are `strange` to the files;
    the parameter's size in `bytes`; `vocabulary`: it holds a row for each token; `vector`: its rows are single numbers.
    """

    name: str
    rows: int
    strange: int
    bytes: int
    vocabulary: bool = False
    vector: bool = False

    @property
    def is_wholly_strange(self) -> bool:
        """Whether no row of it is known, but for those that are by chance."""
        least = self.rows * _VECTOR_SHARE if self.vector else self.rows
        return 0 < self.strange >= least


def kind_of(name: str) -> str:
    """A parameter's name without the numbers of layers and experts.

    >>> kind_of("model.layers.3.mlp.experts.7.w2_weight")
    'model.layers.*.mlp.experts.*.w2_weight'
    """
    return _NUMBERS.sub("*", name)


def other_forms(found: Iterable[ParameterMatch]) -> frozenset[str]:
    """The kinds of parameters that an engine keeps in a form of its own, of what all its workers found.

    >>> embedding = ParameterMatch("embed.weight", 9, 0, 90, vocabulary=True)
    >>> named = [(f"layers.{at}.{name}", strange) for at in (0, 1) for name, strange in zip("ab", (0, 4))]
    >>> layers = [ParameterMatch(name, 4, strange, 40) for name, strange in named]
    >>> other_forms([embedding, *layers])
    frozenset({'layers.*.b'})
    >>> other_forms([embedding, *layers, ParameterMatch("layers.2.b", 4, 3, 40)])
    frozenset()
    """
    all_found = list(found)
    vocabulary = [one for one in all_found if one.vocabulary]
    others = [one for one in all_found if not one.vocabulary]
    matching = sum(one.bytes for one in others if not one.strange)
    if (
        not vocabulary
        or any(one.strange for one in vocabulary)
        or matching < _LEAST_SHARE * sum(one.bytes for one in others)
    ):
        return frozenset()
    strange = {kind_of(one.name) for one in others if one.strange}
    return frozenset(strange - {kind_of(one.name) for one in others if not one.is_wholly_strange})
