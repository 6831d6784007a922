"""Texts that end in circles, and texts that only repeat themselves."""

import random
import time

import pytest

from scorers import Completion, aggregate, score_sample
from scorers.measures.repetition import BLANKS, BLANKS_ENDED, LONG_PHRASE, LOOP_CHARACTERS, ends_in_loop

SECTION = " ".join(f"word{i}" for i in range(60))
CARD = '<div class="card p-4"><h2>Title</h2><p>Some words about it.</p></div>\n'


def phrase(length: int) -> str:
    """Text without a repetition in it."""
    chance = random.Random(length)
    return "".join(f"<p>{''.join(chance.choices('abcdef', k=7))}</p>" for _ in range(length // 14))


@pytest.mark.parametrize(
    "text",
    [
        "a" * LOOP_CHARACTERS,
        f"<main>{CARD * 3}",
        f"<main>{SECTION * 3}",
        f"<main>{CARD * 8}{CARD[:20]}",
        "Sure. " + "I am sorry, but I can't do that. " * 10 + "  \n",
        "<p>" + ("word " * 500 + "\n") * 3,
        "<ul>" + "".join(f"<li>{i}</li>" for i in range(300)) + "<li></li>" * 30,
        "<main>" + phrase(12_000) * 3,
        "<ul>" + "".join(f"<li>Item {n}</li>" for n in range(2_000)),
        "<main></main>\n" + " \n" * BLANKS_ENDED,
    ],
)
def test_a_text_that_ends_in_circles_is_a_loop(text: str) -> None:
    assert ends_in_loop(text)
    sample = score_sample(Completion(text))
    assert sample.loops
    assert aggregate([sample, score_sample(Completion("<p>Hi</p>"))])["eval/repetition_share"] == 0.5


@pytest.mark.parametrize(
    "text",
    [
        "<main>" + phrase(12_000) * 2 + phrase(12_000)[:2_000],
        "<ul>" + "".join(f"<li>Item {n}</li>\n" for n in range(150)) + "<li>It",
        "<ul>" + "".join(f'<li id="i{n}">Item {n} of {900 - 2 * n} at 12:00</li>' for n in range(200)),
        "<main>" + "".join(f"<div id='c{n}'>{phrase(600)}</div>" for n in range(30)),
        "".join(f"<tr><td>{random.Random(n).randrange(1000)}</td></tr>" for n in range(700)),
        "<p>Hi</p>" + "\n" * BLANKS,
        "<p>Hi</p>\n    " + " \t\n" * BLANKS,
    ],
)
def test_what_the_token_limit_had_to_end_is_a_loop(text: str) -> None:
    assert not ends_in_loop(text)
    assert ends_in_loop(text, truncated=True)
    assert score_sample(Completion(text, truncated=True)).loops


@pytest.mark.parametrize("truncated", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "short " * 30,
        f"<main>{CARD * 8}</main></body></html>",
        f"<main>{SECTION * 2}{SECTION[:20]}",
        "<div>" * 20 + "</div>" * 20,
        "<ul>" + "".join(f"<li>Item {n}</li>" for n in range(50)),
        "<ul>" + "".join(f"<li>Item {n}</li>" for n in range(1_000)) + "</ul></body></html>",
        "<table>" + "".join(f"<tr><td>{n}</td><td>{n * n % 97}</td></tr>" for n in range(90)),
        "<main>" + "".join(f"<div id='c{n}'>{phrase(600)}</div>" for n in range(12)),
        "<main>" + phrase(LONG_PHRASE - 1_000) * 2,
        f"<p>Hi</p>{' ' * (BLANKS - 1)}",
    ],
)
def test_a_text_that_repeats_itself_and_goes_on_is_none(text: str, *, truncated: bool) -> None:
    assert not ends_in_loop(text, truncated=truncated)


def test_a_cut_in_a_row_of_stars_is_none() -> None:
    star = (
        '<svg class="h-5" viewBox="0 0 20 20"><path d="M9.049 2.927c.3-.921 1.603-.921 1.902 0l1.07 3.292z"/></svg>\n'
    )
    assert not ends_in_loop(f"<div>{star * 5}", truncated=True)
    assert ends_in_loop(f"<div>{star * 12}", truncated=True)


def test_a_list_of_years_that_the_model_ended_is_none() -> None:
    assert not ends_in_loop("<select>" + "".join(f"<option>{year}</option>" for year in range(1900, 2030)))


def test_numbers_of_any_length_are_read() -> None:
    sevens = "7" * 5_000
    assert not ends_in_loop("".join(f"<li>{sevens}{n}</li>" for n in range(10, 99)), truncated=True)


@pytest.mark.parametrize("piece", ["a1", "ab" * 40 + "c", "1 ", " \n", "<li>7</li>", "0" * 63 + "1"])
def test_the_time_grows_with_the_length(piece: str) -> None:
    def seconds(length: int) -> float:
        text = (piece * (length // len(piece)) + "xy")[:length]
        start = time.process_time()
        ends_in_loop(text, truncated=True)
        return time.process_time() - start

    assert min(seconds(1_600_000) for _ in range(3)) < 40 * max(1e-3, min(seconds(100_000) for _ in range(3)))
