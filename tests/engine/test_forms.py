"""What an engine keeps in a form of its own, and what is other weights."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from watcher.engine.host.fingerprints import WeightsComparison
from watcher.engine.host.runner import _together
from watcher.engine.model_files.forms import ParameterMatch, kind_of, other_forms

EMBEDDING = ParameterMatch("model.embed_tokens.weight", 100, 0, 6_000, vocabulary=True)
HEAD = ParameterMatch("lm_head.weight", 100, 0, 6_000, vocabulary=True)
SIZES = {"qkv.weight": 300, "o.weight": 100, "experts.w13_weight": 500, "norm.weight": 10}


def model(layers: int = 3, **strange: int) -> list[ParameterMatch]:
    """A model of which so many rows are strange in each layer, by the kind's name up to the first dot."""
    kinds = [
        ParameterMatch(f"model.layers.{at}.{name}", 10, strange.get(name.split(".", maxsplit=1)[0], 0), size)
        for at in range(layers)
        for name, size in SIZES.items()
    ]
    return [EMBEDDING, *kinds, ParameterMatch("model.norm.weight", 10, 0, 10, vector=True), HEAD]


def with_strange(found: list[ParameterMatch], name: str, rows: int) -> list[ParameterMatch]:
    """The same, but for the strange rows of one parameter."""
    assert name in {one.name for one in found}
    return [replace(one, strange=rows) if one.name == name else one for one in found]


def forms(*kinds: str) -> frozenset[str]:
    return frozenset(f"model.layers.*.{kind}" for kind in kinds)


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        (model(), forms()),
        (model(o=10), forms("o.weight")),
        (model(qkv=10), forms("qkv.weight")),
        (model(o=10, qkv=10), forms("o.weight", "qkv.weight")),
        # Other weights that were merged into all layers leave rows of the fused matrices as they are.
        (model(qkv=6), forms()),
        (model(qkv=6, o=10), forms("o.weight")),
        # A layer of another model, whole or in part.
        (with_strange(model(o=10), "model.layers.1.o.weight", 0), forms()),
        (with_strange(model(o=10), "model.layers.1.o.weight", 9), forms()),
        (with_strange(model(), "model.layers.2.o.weight", 10), forms()),
        (model(1, o=10), forms("o.weight")),
        # Another model of the same embedding; its size does not vouch for the rest.
        (model(qkv=10, o=10, experts=10, norm=10), forms()),
        (model(experts=10), forms()),
        (with_strange(model(o=10), EMBEDDING.name, 100), forms()),
        (with_strange(model(o=10), EMBEDDING.name, 1), forms()),
        (with_strange(model(o=10), HEAD.name, 100), forms()),
        (with_strange(model(), HEAD.name, 100), forms()),
        # Of a vector some numbers are known by chance.
        (with_strange(model(), "model.norm.weight", 6), frozenset({"model.norm.weight"})),
        (with_strange(model(), "model.norm.weight", 4), forms()),
        # A worker that holds no vocabulary beside one that does, and none at all.
        ([*model(o=10), *model(o=10)[1:-1]], forms("o.weight")),
        (model(o=10)[1:-1], forms()),
        ([], forms()),
    ],
)
def test_a_form_is_what_all_layers_of_a_kind_share_in_a_model_that_is_the_files_otherwise(
    found: list[ParameterMatch], kept: frozenset[str]
) -> None:
    assert other_forms(found) == kept


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("model.layers.12.mlp.experts.3.up_proj.weight", "model.layers.*.mlp.experts.*.up_proj.weight"),
        ("transformer.h.0.attn.c_attn.weight", "transformer.h.*.attn.c_attn.weight"),
        ("model.layers.0.conv1d.weight", "model.layers.*.conv1d.weight"),
        ("layers.7", "layers.*"),
        ("lm_head.weight", "lm_head.weight"),
    ],
)
def test_a_kind_is_a_name_without_numbers(name: str, kind: str) -> None:
    assert kind_of(name) == kind


def test_what_is_kept_in_another_form_is_named_and_nothing_else_is_let_through() -> None:
    started = WeightsComparison(tuple(model(o=10)), {"model.layers.0.o.weight": 0.0})
    kept = other_forms(started.found)
    first = _together([started], (), kept)
    assert (first.strange, first.other_forms) == ((), ("model.layers.*.o.weight",))
    assert first.parameters == len(model()) - 3
    # After a change of weights, what matched at the start is strange.
    later = _together([WeightsComparison(tuple(model(o=10, qkv=10)))], (), kept)
    assert later.strange == tuple(f"model.layers.{at}.qkv.weight" for at in range(3))
    assert _together([started], ("the model /elsewhere",), kept).strange == ("the model /elsewhere",)


def test_what_a_worker_finds_survives_the_way_to_the_engine() -> None:
    """In a process of its own a worker's answer is encoded, and comes back as what JSON knows."""
    found = WeightsComparison(tuple(model(o=10, qkv=10)), {"model.embed_tokens.weight": 0.5})
    assert WeightsComparison.of_plain(json.loads(json.dumps(found.plain()))) == found
