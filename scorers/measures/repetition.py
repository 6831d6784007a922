"""Does a text go in circles up to its end?

Three signs, each about how the text *ends*, since a page that goes on after a repetition was in no loop:

- one phrase again and again, however long it is;
- the same but for numbers that count (`Item 7`, `Item 8`), or for any numbers where it goes on far longer;
- nothing but blanks.

Tables, lists and calendars repeat phrases that count, too, so these signs ask for more than any page has. Not seen:
phrases that change in words, and loops that a text leaves again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

# "A phrase that is repeated at least three times at the end" (A. Holtzman et al., The Curious Case of Neural Text
# Degeneration, ICLR 2020, there at least two tokens long). Markup ends with a few equal closing tags when all is well,
# hence the characters.
LOOP_REPEATS = 3
LOOP_CHARACTERS = 200
# The token limit may cut a page inside a row of five stars or seven days: there it takes more repetitions, or more
# text than any such row has. Of a phrase as long as `LONG_PHRASE` a second time is enough: three would not fit.
CUT_REPEATS, CUT_CHARACTERS = 8, 6_000
LONG_PHRASE = 5_000
# A page of a calendar has 42 days, an hour 60 minutes, a life less than 100 years: a list of more things that differ in
# their number alone, and that the token limit had to end, is nobody's. Of long phrases fewer are beyond reason.
COUNTED_REPEATS = 100
LONG_COUNTED_REPEATS, LONG_COUNTED_CHARACTERS = 24, 10_000
# Numbers that do not count are data: a table, a chart, the points of a drawing. Far beyond those of a page.
NUMBERED_REPEATS = 400
# A text that the model ended itself may be a list on purpose.
_ENDED_FACTOR = 3
# Blank characters at the end: cut there, or followed by the end of the answer.
BLANKS, BLANKS_ENDED = 200, 2_000

_WINDOW = 2_000_000
_PROBE = 64
# Earlier places of the probe that are tried as the length of the phrase; keeps hostile text linear.
_MAX_TRIES = 64
_NUMBER = re.compile(r"[0-9]+")
# Where numbers are looked at: enough for `NUMBERED_REPEATS` of a line.
_NUMBERED_WINDOW = 40_000
# No phrase that is longer fits in there as often as it would have to.
_LONGEST_COUNTED = 4_000
# How many of the steps between a number and its next ones have to be the same, so that it counts.
_STEADY = 0.9
# How far from the end the last number is looked for.
_LAST = 1_000
# Python reads no longer numbers than 4,300 digits; these tell whether one counts.
_DIGITS = 18


def ends_in_loop(text: str, *, truncated: bool = False) -> bool:
    """Whether the text ends in a loop. `truncated` says that the token limit ended it, not the model.

    A phrase counts as repeated from `LOOP_REPEATS` times and `LOOP_CHARACTERS` on, more often where the text was cut; a
    last repetition that was cut is recognized. In time linear in the text's length.

    >>> ends_in_loop("<ul>" + "<li>A thing</li>" * 20 + "<li>A th"), ends_in_loop("<div>" * 9 + "</div>" * 9)
    (True, False)
    >>> items = "".join(f"<li>Item {n}</li>" for n in range(200))
    >>> ends_in_loop(f"<ul>{items}<li>It", truncated=True), ends_in_loop(f"<ul>{items}</ul>")
    (True, False)
    """
    tail = text[-_WINDOW:].rstrip()
    blanks = min(len(text), _WINDOW) - len(tail)
    return (
        blanks >= (BLANKS if truncated else BLANKS_ENDED)
        or _repeats(tail, truncated=truncated)
        or _counts_on(tail[-_NUMBERED_WINDOW:], truncated=truncated)
    )


def _repeats(tail: str, *, truncated: bool) -> bool:
    """Whether the tail is one phrase over and over."""
    for period in _periods(tail):
        # The blanks between two repetitions are missing after the last one.
        blanks = period - len(tail[-period:].lstrip())
        length = max(_times(period, truncated=truncated) * period - blanks, LOOP_CHARACTERS)
        if length > len(tail):
            return False
        if tail[-length:-period] == tail[-length + period :]:
            return True
    return False


def _times(period: int, *, truncated: bool) -> int:
    """How often a phrase of so many characters has to stand at the end."""
    if not truncated:
        return LOOP_REPEATS
    if period >= LONG_PHRASE:
        return LOOP_REPEATS - 1
    return min(CUT_REPEATS, max(LOOP_REPEATS, -(-CUT_CHARACTERS // period)))


def _periods(tail: str) -> Iterator[int]:
    """How long the phrase may be that the text ends with, the shortest first: its last characters occur before."""
    if len(tail) < LOOP_CHARACTERS:
        return
    probe = tail[-_PROBE:]
    at = len(tail) - _PROBE
    for _ in range(_MAX_TRIES):
        at = tail.rfind(probe, 0, at + _PROBE - 1)
        if at < 0:
            return
        yield len(tail) - _PROBE - at


def _counts_on(tail: str, *, truncated: bool) -> bool:
    """Whether the tail is one phrase over and over but for its numbers."""
    # Most texts are told from a loop by their last lines.
    if _ends_once(tail) or not any(_periods(_NUMBER.sub("0", tail[-_LONGEST_COUNTED:]))):
        return False
    # With one digit for each number, phrases that differ in their numbers are the same.
    alike = _NUMBER.sub("0", tail)
    factor = 1 if truncated else _ENDED_FACTOR
    for period in _periods(alike):
        counted = min(COUNTED_REPEATS, max(LONG_COUNTED_REPEATS, -(-LONG_COUNTED_CHARACTERS // period))) * factor
        if counted * period > len(alike):
            return False
        if not _is_periodic(alike, period, counted):
            continue
        numbers = alike.count("0", len(alike) - period)
        if numbers and _steady(_NUMBER.findall(tail)[-counted * numbers :], numbers):
            return True
        if _is_periodic(alike, period, NUMBERED_REPEATS * factor):
            return True
    return False


def _ends_once(tail: str) -> bool:
    """Whether what stands behind the last number stands nowhere before: then no phrase with a number ends here."""
    number = _NUMBER.search(tail[: -_LAST - 1 : -1])
    return number is not None and tail.find(tail[len(tail) - number.start() :], 0, len(tail) - 1) < 0


def _is_periodic(text: str, period: int, times: int) -> bool:
    """Whether the text ends with so many repetitions of its last `period` characters, wherever in them it ends."""
    length = period * times
    return length <= len(text) and text[-length:-period] == text[-length + period :]


def _steady(numbers: Sequence[str], each: int) -> bool:
    """Whether all of the `each` numbers of a phrase count: up or down by the same step, or not at all.

    >>> _steady(["1", "5", "2", "5", "3", "5"], 2), _steady(["3", "17", "4"], 1)
    (True, False)
    """
    for place in range(each):
        values = [int(digits[-_DIGITS:]) for digits in numbers[place::each]]
        steps = Counter(later - earlier for earlier, later in pairwise(values))
        if max(steps.values(), default=0) < _STEADY * steps.total():
            return False
    return True
