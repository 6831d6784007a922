"""A slow collapse: an episode that began as a warning becomes an error, measured by what was before it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from tests.alerts.making import N, entry, episodes, healthy, page
from watcher.alerts import AlertSettings, Entry, Episode, History, Replay, Rule, evaluate
from watcher.model import AlertLevel, Event


def darker(step: int, share: float) -> Entry:
    """So large a share of the pages is dark."""
    return entry(step, [page(i, step, lightness="dark" if i < share * N else "light") for i in range(N)])


def broken(step: int, share: float) -> Entry:
    return entry(step, bad=range(int(share * N)))


SLOW = [*healthy([100, 150, 200]), broken(250, 0.3), broken(300, 0.3), broken(350, 0.6), broken(400, 0.7)]


def rise(episode: Episode) -> tuple[int, AlertLevel, int | None]:
    return episode.step, episode.level, episode.risen.step if episode.risen else None


def test_a_slow_loss_of_validity_rises_where_less_than_half_is_left() -> None:
    [episode] = episodes(SLOW[:5], Rule.VALIDITY_DROPPED)
    assert rise(episode) == (250, AlertLevel.WARN, None)
    [worse] = episodes(SLOW, Rule.VALIDITY_DROPPED)
    assert rise(worse) == (250, AlertLevel.ERROR, 350)
    assert (worse.key, worse.evidence) == (episode.key, episode.evidence)
    assert worse.risen is not None
    assert "62.0 of 64 pages parsed at steps 100 to 200, 26 of 64 pages at step 350" in worse.risen.evidence


def test_a_level_never_sinks() -> None:
    [episode] = episodes([*SLOW, broken(450, 0.3)], Rule.VALIDITY_DROPPED)
    assert rise(episode) == (250, AlertLevel.ERROR, 350)


@pytest.mark.parametrize("warned", [2, 30])
def test_what_came_since_it_began_is_no_standard_for_how_bad_it_is(warned: int) -> None:
    """Else thirty evaluations in between would make what is bad the usual."""
    shares = [0.5, 0.5, 0.5, 0.5, *[0.92] * warned, 1.0]
    entries = [darker(100 + 50 * number, share) for number, share in enumerate(shares)]
    [episode] = episodes(entries, Rule.ONE_LIGHTNESS)
    assert rise(episode) == (300, AlertLevel.ERROR, 300 + 50 * warned)


def test_one_that_begins_as_an_error_does_not_rise() -> None:
    [episode] = episodes([*healthy([100, 150, 200]), broken(250, 0.9), broken(300, 0.95)], Rule.VALIDITY_DROPPED)
    assert rise(episode) == (250, AlertLevel.ERROR, None)


def test_another_episode_begins_with_its_own_level() -> None:
    entries = [*SLOW, *healthy(range(450, 850, 50)), broken(850, 0.4)]
    assert [rise(episode) for episode in episodes(entries, Rule.VALIDITY_DROPPED)] == [
        (250, AlertLevel.ERROR, 350),
        (850, AlertLevel.WARN, None),
    ]


@pytest.mark.parametrize("order", [SLOW, [SLOW[0], *SLOW[2:]]])
def test_a_history_that_grows_rises_as_the_whole_does(order: Sequence[Entry]) -> None:
    settings = AlertSettings()
    replay = Replay(settings)
    for count in range(len(order) + 1):
        grown = History(tuple(order[:count]))
        assert replay.evaluate(grown) == evaluate(grown, settings)


def test_it_reads_back_as_it_was_and_says_what_happened_last() -> None:
    [episode] = episodes(SLOW, Rule.VALIDITY_DROPPED)
    assert Episode.from_dict(json.loads(json.dumps(episode.to_dict()))) == episode
    assert [episode.told(event).event for event in Event] == list(Event)
    alert = episode.alert()
    assert (alert.key, alert.level) == (f"{episode.key}/risen", AlertLevel.ERROR)
    assert alert.title == "Worse: The model's code parses less often than before (step 350)"


def test_where_nobody_heard_of_its_beginning_the_rise_is_a_part_of_it() -> None:
    [episode] = episodes(SLOW, Rule.VALIDITY_DROPPED)
    begun = episode.told(Event.RAISED)
    assert (begun.event, begun.level, begun.alert().key) == (Event.RAISED, AlertLevel.ERROR, episode.key)
    assert episode.risen is not None
    assert begun.evidence == f"{episode.evidence} {episode.risen.evidence}"


def test_the_steps_that_were_of_the_highest_level_begin_with_the_rise() -> None:
    assert [episode.error_step for episode in episodes(SLOW[:5], Rule.VALIDITY_DROPPED)] == [None]
    assert [episode.error_step for episode in episodes(SLOW, Rule.VALIDITY_DROPPED)] == [350]
