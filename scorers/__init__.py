"""Scores what a model wrote: completion text in, measurements out.

    from scorers import Completion, score
    report = score([Completion(text, truncated=finish_reason == "length")])
    report.metrics["eval/syntax_validity_rate"]

Usable alone: it needs turbohtml, tinycss2 and mini-racer (V8, for JSX), and nothing that trains or
serves models.
A sample says what one completion is (`Outcome`, errors with their places, colors, Tailwind classes); `aggregate` turns
samples, fresh or stored, into the metrics that `METRICS` explains. `VERSION` changes with the definitions. Scorers of
your own: see `scorers.plugins.loader`. Models that write against a theme of their own: see `scorers.tailwind.given`.
"""

from scorers.language import register
from scorers.metrics.aggregation import aggregate
from scorers.metrics.catalog import METRICS
from scorers.metrics.grades import Band, Grade
from scorers.metrics.lookup import grade_of, grades, is_logged, is_rare
from scorers.metrics.metric import Direction, Metric
from scorers.plugins.loader import Plugin, Scorer, ScorerError, load_plugins
from scorers.readers import BUILT_IN
from scorers.sample import CodeFile, Completion, Issue, Language, Outcome, Sample, SampleError
from scorers.scoring import VERSION, Report, report, score, score_sample, versions
from scorers.tailwind.given import ThemeError, given_theme
from scorers.tailwind.theme import Theme

for _language in BUILT_IN:
    register(_language)

__all__ = [
    "METRICS",
    "VERSION",
    "Band",
    "CodeFile",
    "Completion",
    "Direction",
    "Grade",
    "Issue",
    "Language",
    "Metric",
    "Outcome",
    "Plugin",
    "Report",
    "Sample",
    "SampleError",
    "Scorer",
    "ScorerError",
    "Theme",
    "ThemeError",
    "aggregate",
    "given_theme",
    "grade_of",
    "grades",
    "is_logged",
    "is_rare",
    "load_plugins",
    "report",
    "score",
    "score_sample",
    "versions",
]
