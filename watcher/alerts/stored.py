"""An entry as it is stored beside its evaluation, so that a start over thousands of them reads no samples.

A line of JSON, then for each measure its values without each single sample, as doubles; all of it compressed, some
kilobytes. `VERSION` tells by which definitions an entry was made: where it is another one, the entry is made anew from
the samples.
"""

from __future__ import annotations

import json
import sys
import zlib
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from sys import intern
from typing import Final

import scorers
from scorers.metrics.jackknife import Jackknifed
from scorers.sample import Outcome
from watcher.alerts.history import Entry, Evaluated, entry_of
from watcher.alerts.measures import Measure

# The first number changes whenever `entry_of` may make another entry of the same samples.
VERSION: Final = f"1; scorers {scorers.VERSION}"
_OUTCOMES: Final = {outcome.value: outcome for outcome in Outcome}
_MEASURES: Final = {measure.value: measure for measure in Measure}


class EntryError(Exception):
    """A stored entry cannot be read."""


@dataclass(frozen=True, slots=True)
class Summary:
    """An entry as bytes, and the version of the definitions that it was made by."""

    version: str
    body: bytes


def summary_of(evaluation: Evaluated) -> Summary | None:
    """What is stored of an evaluation; None where its samples are none that entries are made of."""
    try:
        return Summary(VERSION, packed(whole_entry(evaluation)))
    except ValueError:
        return None


def whole_entry(evaluation: Evaluated) -> Entry:
    """The entry of an evaluation with its samples. Raises what `entry_of` does."""
    return entry_of(evaluation, sampled="eval/samples" in evaluation.metrics)


def packed(entry: Entry) -> bytes:
    """What of an entry comes from its samples."""
    measures = list(entry.measures.items())
    head = {
        "prompts": entry.prompts,
        "outcomes": entry.outcomes,
        "looping": [place for place, loops in enumerate(entry.looping) if loops],
        "measures": [(name, found.value, found.pages) for name, found in measures],
    }
    values = array("d", (value for _, found in measures for value in found.without))
    return zlib.compress(json.dumps(head).encode() + b"\n" + _little_endian(values).tobytes())


def unpacked(body: bytes, evaluation: Evaluated, metrics: Mapping[str, float | None]) -> Entry:
    """The entry of an evaluation, of whose metrics the given ones are kept. Raises EntryError."""
    try:
        line, _, rest = zlib.decompress(body).partition(b"\n")
        head = json.loads(line)
        outcomes = tuple(_OUTCOMES[value] for value in head["outcomes"])
        looping = set(head["looping"])
        return Entry(
            uid=evaluation.uid,
            step=evaluation.step,
            at=evaluation.at,
            metrics=metrics,
            prompts=tuple(map(intern, head["prompts"])),
            outcomes=outcomes,
            looping=tuple(place in looping for place in range(len(outcomes))),
            valid=outcomes.count(Outcome.VALID),
            measures=_measures(head["measures"], rest, len(outcomes)),
        )
    except (zlib.error, KeyError, TypeError, ValueError) as error:
        raise EntryError(str(error)) from None


def _measures(heads: list[tuple[str, float, int]], values: bytes, n: int) -> dict[Measure, Jackknifed]:
    found, size = {}, 8 * n
    for number, (name, value, pages) in enumerate(heads):
        without = array("d", values[number * size : (number + 1) * size])
        found[_MEASURES[name]] = Jackknifed(value, _little_endian(without), pages)
    return found


def _little_endian(values: array[float]) -> array[float]:
    """The same in the other order of bytes where this machine has that; a ledger may move."""
    if sys.byteorder == "big":
        values.byteswap()
    return values
