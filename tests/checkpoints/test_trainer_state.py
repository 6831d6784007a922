from __future__ import annotations

import json

import pytest

from watcher.checkpoints.trainer_state import parse_trainer_state


def test_losses_are_those_of_training_rows_in_file_order_diverged_ones_included() -> None:
    text = b"""{"global_step": 30, "max_steps": 30, "log_history": [
        {"step": 10, "loss": 1.5, "grad_norm": NaN}, {"step": 10, "eval_loss": 1.2}, {"step": 20, "loss": NaN},
        {"step": 25, "loss": Infinity}, {"loss": 3.0}, {"step": 27, "loss": "0.1000", "grad_norm": "5e-1"},
        {"step": 28, "loss": true}, {"step": 28, "loss": "1_0"}, {"step": 28, "loss": "low"},
        {"step": 29, "loss": 1%s}, 7, {"step": 30, "loss": 1}, {"step": 30, "train_loss": 9.9}]}""" % (b"0" * 400)
    state = parse_trainer_state(text)
    losses = [(row.step, row.loss) for row in state.log]
    assert repr(losses) == "[(10, 1.5), (20, nan), (25, inf), (27, 0.1), (29, inf), (30, 1.0)]"
    assert repr([row.grad_norm for row in state.log]) == "[nan, None, None, 0.5, None, None]"
    assert state.final


@pytest.mark.parametrize("key", ["rewards/chosen", "rewards/html_reward/mean", "reward", "mean_reward"])
def test_a_row_with_rewards_is_none_of_a_likelihood(key: str) -> None:
    text = json.dumps(
        {"global_step": 2, "log_history": [{"step": 1, "loss": 0.6931, key: 0.1}, {"step": 2, "loss": 1}]}
    )
    assert [row.rewarded for row in parse_trainer_state(text.encode()).log] == [True, False]


def test_a_run_without_a_stated_end_is_never_final() -> None:
    assert not parse_trainer_state(b'{"global_step": 30, "log_history": []}').final
    assert parse_trainer_state(b'{"global_step": 30}').log == ()


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"{}", b'{"global_step": "5"}', b'{"global_step": -1}', b"[" * 100_000, b"\xff"]
)
def test_anything_else_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - what the text says differs
        parse_trainer_state(text)


def test_every_beginning_of_a_state_is_refused() -> None:
    whole = b'{"global_step": 5, "max_steps": 9, "log_history": [{"step": 5, "loss": 0.5}]}'
    for length in range(len(whole)):
        with pytest.raises(ValueError):  # noqa: PT011
            parse_trainer_state(whole[:length])
    assert parse_trainer_state(whole).global_step == 5
