"""Scorers of other people: how they are found, what they add, and that their failures cost nobody else anything."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scorers import Completion, Plugin, Sample, ScorerError, load_plugins, report, score, score_sample, versions
from scorers.scoring import VERSION

TEXTS = [Completion("```html\n<h1>Hi</h1><h1>Ho</h1>\n```"), Completion("no"), Completion("")]
OWN = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Headings:
    name: str = "headings"
    version: str = "3"
    def measure(self, completion, sample):
        return {"n": completion.text.count("<h1"), "valid": sample.syntax_valid}
    def aggregate(self, measurements):
        return {"mean": sum(m["n"] for m in measurements) / len(measurements), "none": None, "nan": float("nan")}

made = Headings()
"""


@dataclass(frozen=True)
class Scripted:
    """A scorer that answers with what it was given, or raises it."""

    answers: Any = 1
    total: Any = None
    name: str = "scripted"
    version: str = "1"

    def measure(self, completion: Completion, sample: Sample) -> Any:
        """The answer, or the answer to this text."""
        answer = self.answers.get(completion.text, 1) if isinstance(self.answers, dict) else self.answers
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def aggregate(self, measurements: Sequence[Any]) -> Mapping[str, float | None]:
        """The scripted metrics; the number of measurements without."""
        if isinstance(self.total, BaseException):
            raise self.total
        return {"n": len(measurements)} if self.total is None else self.total


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return path


@pytest.mark.parametrize("name", ["Headings", "made"])
def test_a_scorer_of_a_file_measures_each_sample_and_adds_its_metrics(own: Path, name: str) -> None:
    plugins = load_plugins([f"{own}:{name}"])
    found = score(TEXTS, plugins)
    assert found.metrics["eval/headings/mean"] == pytest.approx(2 / 3)
    assert (found.metrics["eval/headings/none"], found.metrics["eval/headings/nan"]) == (None, None)
    assert found.metrics["eval/headings/failed"] == 0
    assert found.samples[0].extras == {"headings": {"value": {"n": 2, "valid": True}}}
    assert found.failures == ()
    without = score(TEXTS).metrics
    assert {name: found.metrics[name] for name in without} == without


def test_metrics_of_stored_samples_are_those_of_fresh_ones(own: Path) -> None:
    plugins = load_plugins([f"{own}:made", "legacy"])
    found = score(TEXTS, plugins)
    stored = [Sample.from_dict(json.loads(json.dumps(sample.to_dict()))) for sample in found.samples]
    assert stored == list(found.samples)
    assert report(stored, plugins) == found
    assert report([score_sample(c) for c in TEXTS], plugins).metrics["eval/headings/failed"] == 0


def test_processes_give_what_one_process_gives(own: Path) -> None:
    plugins = load_plugins([f"{own}:made"])
    assert score(TEXTS * 20, plugins, workers=2) == score(TEXTS * 20, plugins)


@pytest.mark.parametrize(
    "answer", [ZeroDivisionError("by zero\nagain"), SystemExit(3), {1, 2}, float("nan"), RecursionError("deep")]
)
def test_a_scorer_that_fails_on_a_sample_is_named_and_costs_only_that_measurement(answer: Any) -> None:
    plugins = [Plugin(Scripted({"no": answer})), *load_plugins(["legacy"])]
    found = score(TEXTS, plugins)
    assert found.metrics["eval/scripted/n"] == 2
    assert found.metrics["eval/scripted/failed"] == 1
    (failure,) = found.failures
    assert failure.startswith("The scorer scripted failed on 1 of 3 samples (")
    assert "\n" not in failure
    assert found.metrics["eval/legacy/syntax_validity_rate"] is not None
    assert found.metrics["eval/samples"] == 3


@pytest.mark.parametrize("total", [KeyError("x"), SystemExit(1), {"a": "1"}, {"": 1.0}, {"a b": 1.0}, {1: 1.0}, 3])
def test_a_scorer_that_cannot_aggregate_is_named_and_costs_only_its_own_metrics(total: Any) -> None:
    found = score(TEXTS, [Plugin(Scripted(total=total)), *load_plugins(["legacy"])])
    assert [name for name in found.metrics if "scripted" in name] == ["eval/scripted/failed"]
    assert found.failures[0].startswith("The scorer scripted could not aggregate its measurements (")
    assert "eval/legacy/color_entropy" in found.metrics


def test_a_scorer_that_fails_on_every_sample_is_not_asked_to_aggregate_nothing() -> None:
    found = score(TEXTS, [Plugin(Scripted(ValueError("no")))])
    assert [name for name in found.metrics if "scripted" in name] == ["eval/scripted/failed"]
    assert found.failures == ("The scorer scripted failed on 3 of 3 samples (ValueError: no).",)


def test_name_version_and_content_are_in_the_versions_in_any_order(own: Path) -> None:
    plugins = load_plugins([f"{own}:made", "legacy"])
    assert versions(plugins) == versions(plugins[::-1])
    assert versions(plugins).startswith(f"{VERSION}; headings 3 ")
    assert versions(plugins).endswith("; legacy 1")
    own.write_text(OWN.replace("<h1", "<h2"))
    assert versions(load_plugins([f"{own}:made", "legacy"])) != versions(plugins)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with an entry point, as pip would have installed it."""
    (tmp_path / "their_scorers.py").write_text(OWN.replace('"headings"', '"theirs"'))
    info = tmp_path / "their_scorers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-scorers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[uimon.scorers]\ntheirs = their_scorers:Headings\nbroken = their_scorers:Nothing\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_an_installed_scorer_is_found_by_the_name_of_its_entry_point(installed: Path) -> None:
    (plugin,) = load_plugins(["theirs"])
    assert plugin.identity == "theirs 3"
    assert score(TEXTS, [plugin]).metrics["eval/theirs/mean"] == pytest.approx(2 / 3)


def test_an_installed_scorer_is_off_until_it_is_named(installed: Path) -> None:
    assert not any("theirs" in name for name in score(TEXTS).metrics)
    with pytest.raises(ScorerError, match="no scorer called other; there are: broken, legacy, theirs;"):
        load_plugins(["other"])


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("broken", r"The scorer broken cannot be imported \(AttributeError"),
        ("nothing.py:X", r"The scorer's file nothing.py cannot be read \(No such file"),
        ("{own}", "names a file only; write .*own.py:NAME"),
        ("{own}:Other", "defines no Other"),
        ("{own}:dataclass", "needs a `name`"),
        ("{bad}:x", r"cannot be imported \(SyntaxError"),
        ("{exits}:x", r"cannot be imported \(SystemExit"),
        ("{odd}:Unnamed", "needs a `name` of small letters, digits and _, not 'My Scorer'"),
        ("{odd}:Old", "needs a `version`, a text, not 2"),
        ("{odd}:Half", "has no method `aggregate`"),
        ("{odd}:Needy", r"cannot be made \(TypeError"),
    ],
)
def test_a_scorer_that_cannot_be_loaded_is_one_sentence(
    installed: Path, own: Path, tmp_path: Path, named: str, said: str
) -> None:
    files = {"own": own, "bad": tmp_path / "bad.py", "exits": tmp_path / "exits.py", "odd": tmp_path / "odd.py"}
    files["bad"].write_text("class (:\n")
    files["exits"].write_text("raise SystemExit(2)\n")
    files["odd"].write_text(
        "class Unnamed:\n    name, version = 'My Scorer', '1'\n"
        "class Old:\n    name, version = 'old', 2\n"
        "class Half:\n    name, version = 'half', '1'\n    def measure(self, completion, sample): ...\n"
        "class Needy:\n    def __init__(self, more): ...\n"
    )
    with pytest.raises(ScorerError, match=said) as raised:
        load_plugins([named.format(**files)])
    assert "\n" not in str(raised.value)


def test_two_scorers_of_one_name_are_refused(own: Path) -> None:
    with pytest.raises(ScorerError, match="Two scorers are called headings"):
        load_plugins([f"{own}:made", f"{own}:Headings"])


def test_the_example_in_the_documentation_works(tmp_path: Path) -> None:
    import scorers.plugins.loader

    text = scorers.plugins.loader.__doc__ or ""
    code = text[text.index("    class Headings") : text.index("gives `eval/headings/mean`")]
    (tmp_path / "mine.py").write_text("\n".join(line[4:] for line in code.splitlines()))
    found = score(TEXTS, load_plugins([f"{tmp_path / 'mine.py'}:Headings"]))
    assert found.metrics["eval/headings/mean"] == pytest.approx(2 / 3)
    assert found.failures == ()
