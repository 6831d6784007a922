"""Scores what a model wrote: completion text in, measurements out.

    from scorers import Completion, score
    report = score([Completion(text, truncated=finish_reason == "length")])
    report.metrics["eval/syntax_validity_rate"]

Usable alone: it needs Beautiful Soup, turbohtml, tinycss2 and tree-sitter, and nothing that trains or serves models.
A sample says what one completion is (`Outcome`, errors with their places, colors, Tailwind classes); `aggregate` turns
samples, fresh or stored, into the metrics that `METRICS` explains. `VERSION` changes with the definitions.
"""

from scorers.aggregation import aggregate
from scorers.metrics import METRICS, Band, Grade, MetricInfo
from scorers.sample import Completion, Issue, Language, Outcome, Sample, SampleError
from scorers.scoring import VERSION, Report, score, score_sample

__all__ = [
    "METRICS",
    "VERSION",
    "Band",
    "Completion",
    "Grade",
    "Issue",
    "Language",
    "MetricInfo",
    "Outcome",
    "Report",
    "Sample",
    "SampleError",
    "aggregate",
    "score",
    "score_sample",
]
