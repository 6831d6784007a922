"""Questions about metrics by their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from scorers.metrics.catalog import METRICS
from scorers.metrics.grades import Grade

_GRADED: Final = tuple((name, metric) for name, metric in METRICS.items() if metric.bands or metric.document_bands)


def grade_of(name: str, metrics: Mapping[str, float | None]) -> Grade | None:
    """The grade of one of an evaluation's metrics, over the samples that stand behind it.

    Args:
        name: The metric's full name.
        metrics: All metrics of the evaluation, as `aggregate` gives them: some of them say how many samples there are.

    Returns:
        The grade by the measured bands; None for a value between them, for one of too few samples, and for a metric
        without bands or without a value.

    >>> grade_of("eval/hue_entropy", {"eval/hue_entropy": 0.0, "eval/hue_entropy_n": 40.0, "eval/samples": 64.0}).value
    'bad'
    """
    metric = METRICS.get(name)
    behind = metrics.get(f"{name}_n", metrics.get("eval/samples"))
    return metric.grade(metrics.get(name), behind) if metric else None


def grades(metrics: Mapping[str, float | None]) -> dict[str, dict[str, str | None]]:
    """The grades of an evaluation.

    Args:
        metrics: All metrics of the evaluation, as `aggregate` gives them.

    Returns:
        For every metric that has bands and a value, its `grade` by the measured bands, and by those of the `document`
        that the metrics came with; each None where there is none.

    >>> grades({"eval/color_entropy": 3.4, "eval/samples": 64.0})
    {'eval/color_entropy': {'grade': None, 'document': 'good'}}
    """
    return {
        name: {"grade": _word(grade_of(name, metrics)), "document": _word(metric.document_grade(metrics[name]))}
        for name, metric in _GRADED
        if metrics.get(name) is not None
    }


def _word(grade: Grade | None) -> str | None:
    return None if grade is None else grade.value


def is_logged(name: str) -> bool:
    """Whether a metric belongs into the run's charts.

    Args:
        name: A full name, of a companion (`…_low`) too.

    Returns:
        What its declaration says; True for one that is not known here, as a plug-in's.

    >>> is_logged("eval/color_entropy_low"), is_logged("eval/utility_share_low"), is_logged("eval/mine/score")
    (True, False, True)
    """
    metric = METRICS.get(name)
    return metric is None or metric.logged


def is_rare(name: str) -> bool:
    """Whether a metric is a count that most runs never have.

    Args:
        name: A full name.

    Returns:
        What its declaration says; False for one that is not known here.

    >>> is_rare("eval/extraction_fence"), is_rare("eval/outcome_empty")
    (True, False)
    """
    metric = METRICS.get(name)
    return metric is not None and metric.rare
