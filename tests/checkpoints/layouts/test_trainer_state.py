from __future__ import annotations

import json
import tracemalloc
from io import BytesIO

import pytest

from watcher.checkpoints.layouts.trainer_state import read_trainer_state
from watcher.model import TrainerState


def parsed(text: bytes) -> TrainerState:
    return read_trainer_state(BytesIO(text))


def test_losses_are_those_of_training_rows_in_file_order_diverged_ones_included() -> None:
    text = b"""{"global_step": 30, "max_steps": 30, "log_history": [
        {"step": 10, "loss": 1.5, "grad_norm": NaN}, {"step": 10, "eval_loss": 1.2}, {"step": 20, "loss": NaN},
        {"step": 25, "loss": Infinity}, {"loss": 3.0}, {"step": 27, "loss": "0.1000", "grad_norm": "5e-1"},
        {"step": 28, "loss": true}, {"step": 28, "loss": "1_0"}, {"step": 28, "loss": "low"},
        {"step": 29, "loss": 1%s}, 7, {"step": 30, "loss": 1}, {"step": 30, "train_loss": 9.9}]}""" % (b"0" * 400)
    state = parsed(text)
    losses = [(row.step, row.loss) for row in state.log]
    assert repr(losses) == "[(10, 1.5), (20, nan), (25, inf), (27, 0.1), (29, inf), (30, 1.0)]"
    assert repr([row.grad_norm for row in state.log]) == "[nan, None, None, 0.5, None, None]"
    assert state.final


@pytest.mark.parametrize("key", ["rewards/chosen", "rewards/html_reward/mean", "reward", "mean_reward"])
def test_a_row_with_rewards_is_none_of_a_likelihood(key: str) -> None:
    text = json.dumps(
        {"global_step": 2, "log_history": [{"step": 1, "loss": 0.6931, key: 0.1}, {"step": 2, "loss": 1}]}
    )
    assert [row.rewarded for row in parsed(text.encode()).log] == [True, False]


def test_a_run_without_a_stated_end_is_never_final() -> None:
    assert not parsed(b'{"global_step": 30, "log_history": []}').final
    assert parsed(b'{"global_step": 30}').log == ()


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"{}", b'{"global_step": "5"}', b'{"global_step": -1}', b"[" * 100_000, b"\xff"]
)
def test_anything_else_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - what the text says differs
        parsed(text)


def test_every_beginning_of_a_state_is_refused() -> None:
    whole = b'{"global_step": 5, "max_steps": 9, "log_history": [{"step": 5, "loss": 0.5}]}'
    for length in range(len(whole)):
        with pytest.raises(ValueError):  # noqa: PT011
            parsed(whole[:length])
    assert parsed(whole).global_step == 5


@pytest.mark.parametrize("step", ["9223372036854775808", "-1", "1" * 5000, "1e3", "1000000000000000000"])
def test_a_row_whose_step_can_be_none_is_left_out_and_counted(step: str) -> None:
    text = f'{{"global_step": 5, "log_history": [{{"step": {step}, "loss": 1}}, {{"step": 5, "loss": 0.5}}]}}'
    state = parsed(text.encode())
    assert [row.step for row in state.log] == [5]
    assert state.left_out == 1


@pytest.mark.parametrize("key", ["global_step", "max_steps"])
def test_a_step_of_the_state_has_bounds_too(key: str) -> None:
    text = json.dumps({"global_step": 5, key: 2**63}).encode()
    if key == "max_steps":
        assert parsed(text) == TrainerState(5, 0, ())
    else:
        with pytest.raises(ValueError, match="global_step"):
            parsed(text)


class Pieces(BytesIO):
    """A file that gives a byte at a time."""

    def read(self, size: int | None = -1, /) -> bytes:
        """One byte, whatever is asked."""
        return super().read(1)


def test_where_a_text_is_cut_into_pieces_changes_nothing() -> None:
    rows = [{"step": n, "loss": n / 7, "x": [{"y": 'é}\\"'}, None, True]} for n in range(1, 30)]
    text = json.dumps({"a": {"b": [1, 2]}, "log_history": rows, "global_step": 123, "max_steps": 12345}, indent=1)
    assert read_trainer_state(Pieces(text.encode())) == parsed(text.encode())
    assert [(row.step, row.loss) for row in parsed(text.encode()).log] == [(n, n / 7) for n in range(1, 30)]


def test_a_log_of_any_length_costs_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watcher.checkpoints.layouts.trainer_state.ROWS_LIMIT", 1000)
    rows = ", ".join(f'{{"step": {n}, "loss": 0.5, "more": "{"x" * 300}"}}' for n in range(40_000))
    text = f'{{"log_history": [{rows}], "global_step": 40000}}'.encode()
    tracemalloc.start()
    try:
        state = parsed(text)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (state.log[0].step, state.left_out) == (39_000, 39_000)
    assert peak < len(text) + 8e6


@pytest.mark.parametrize(
    "text", [b'{"global_step": 5} x', b'{"global_step": 5, }', b'{"log_history": [1 2]}', b'{"x": "' + b"a" * 5_000_000]
)
def test_what_is_not_json_is_no_state(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parsed(text)
