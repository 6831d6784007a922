"""Scorers of the user's in processes of their own: what hangs, dies or prints costs that scorer's figure alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from scorers import Completion, Plugin, load_plugins, report, score, score_sample
from watcher.evaluation.plugins import IsolatedPlugin, end_plugins, isolated_plugins
from watcher.model import Reason, UimonError
from watcher.system.processes import descendants

SOURCE = """
import os, re, time
print("imported")
class Own:
    name, version = "own", "1"
    def measure(self, completion, sample):
        print("measuring")
        if "hang" in completion.text:
            re.match("(a+)+$", "a" * 60 + "b")
        if "die" in completion.text:
            os._exit(3)
        if "raise" in completion.text:
            raise KeyError("x")
        return [len(completion.text), completion.truncated, sample.num_colors, os.getpid() != PARENT]
    def aggregate(self, measurements):
        return {"longest": max(m[0] for m in measurements), "apart": all(m[3] for m in measurements)}
class Stuck(Own):
    def aggregate(self, measurements):
        time.sleep(60)
"""


@pytest.fixture
def named(tmp_path: Path) -> str:
    """The place of a scorer that misbehaves where the text tells it to."""
    (tmp_path / "own.py").write_text(f"PARENT = {os.getpid()}\n{SOURCE}")
    return f"{tmp_path / 'own.py'}:Own"


@pytest.fixture
def plugin(named: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugin]:
    monkeypatch.setattr("watcher.evaluation.plugins._MEASURE_SECONDS", 1.0)
    (plugin,) = isolated_plugins([named])
    yield plugin
    end_plugins([plugin])


def test_forks_of_this_process_ask_processes_of_their_own(plugin: Plugin) -> None:
    texts = ["a" * length for length in range(1, 41)]
    samples = score([Completion(text) for text in texts], (plugin,), workers=2).samples
    assert [sample.extras["own"]["value"][0] for sample in samples] == [len(text) for text in texts]
    assert measured(plugin, "abc") == [{"value": [3, False, 0, True]}]


def measured(plugin: Plugin, *texts: str) -> list[dict[str, object]]:
    """What the plug-in says of each text."""
    return [score_sample(Completion(text), (plugin,)).extras["own"] for text in texts]


def test_it_measures_as_it_would_in_this_process(plugin: Plugin, named: str, capfd: pytest.CaptureFixture[str]) -> None:
    samples = [
        score_sample(Completion(text, truncated=True), (plugin,)) for text in ("a", '<p class="bg-red-500">', "raise")
    ]
    assert [sample.extras["own"] for sample in samples][:2] == [
        {"value": [1, True, 0, True]},
        {"value": [22, True, 1, True]},
    ]
    found = report(samples, (plugin,))
    assert (found.metrics["eval/own/longest"], found.metrics["eval/own/apart"]) == (22.0, 1.0)
    assert found.metrics["eval/own/failed"] == 1
    assert found.failures == ("The scorer own failed on 1 of 3 samples (KeyError: 'x').",)
    assert plugin.identity == load_plugins([named])[0].identity
    assert "measuring" not in capfd.readouterr().out.replace("imported", "")


@pytest.mark.parametrize(("does", "said"), [("hang", "longer than 1 s"), ("die", "its process ended")])
def test_one_that_hangs_or_dies_fails_for_that_sample_alone(plugin: Plugin, does: str, said: str) -> None:
    first, second, third = measured(plugin, "fine", does, "fine")
    assert (first, "error" in second, third) == ({"value": [4, False, 0, True]}, True, first)
    assert said in str(second["error"])


def test_one_that_hangs_always_is_not_waited_for_again_and_again(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("watcher.evaluation.plugins._MEASURE_SECONDS", 0.2)
    *_, last = measured(plugin, *["hang"] * 4)
    assert last == {"error": "it hung 3 times in a row and is not asked again"}


def test_an_aggregate_that_hangs_is_a_failure_in_words(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (plugin,) = isolated_plugins([named.replace(":Own", ":Stuck")])
    monkeypatch.setattr("watcher.evaluation.plugins._OTHER_SECONDS", 0.5)
    metrics, failure = plugin.aggregated([score_sample(Completion("fine"), (plugin,))])
    end_plugins([plugin])
    assert metrics == {"eval/own/failed": 0.0}
    assert "could not aggregate its measurements (it took longer than" in failure


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import os; os._exit(1)", "its process ended"),
        ("raise KeyError", "cannot be imported"),
        ("x = 1", "defines no Own"),
    ],
)
def test_one_that_cannot_be_loaded_is_refused_in_words(tmp_path: Path, source: str, said: str) -> None:
    (tmp_path / "bad.py").write_text(source)
    with pytest.raises(UimonError, match=said) as caught:
        isolated_plugins([f"{tmp_path / 'bad.py'}:Own"])
    assert caught.value.reason is Reason.CONFIG_INVALID


def test_a_name_that_looks_like_an_option_is_a_name() -> None:
    with pytest.raises(UimonError, match="no scorer called -inf"):
        isolated_plugins(["-inf"])


def test_two_of_one_name_are_refused_and_none_is_left_running(named: str) -> None:
    with pytest.raises(UimonError, match="Two scorers are called own"):
        isolated_plugins([named, named])


def test_its_process_is_gone_with_it(plugin: Plugin) -> None:
    assert isinstance(plugin, IsolatedPlugin)
    before = set(descendants(os.getpid()))
    end_plugins([plugin])
    assert len(before - set(descendants(os.getpid()))) == 1


def test_where_one_cannot_be_loaded_no_process_is_left(named: str, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("raise RuntimeError('no')\n")
    before = set(descendants(os.getpid()))
    with pytest.raises(UimonError, match=r"bad\.py"):
        isolated_plugins([named, f"{tmp_path / 'bad.py'}:Own"])
    assert set(descendants(os.getpid())) <= before
