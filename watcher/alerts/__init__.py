"""Early warnings: what went wrong with a training, how sure that is, why it usually happens, and what to do.

    history = History(tuple(entry_of(evaluation) for evaluation in ...), losses=...)
    for episode in evaluate(history, AlertSettings()):
        print(episode.title, episode.text)

Pure: no clock, no file, no random number. `delivery` is the exception, and says so.
"""

from watcher.alerts.baseline import Delta, compare
from watcher.alerts.best import Best, Criterion, best
from watcher.alerts.catalog import MEANINGS, Meaning
from watcher.alerts.episodes import Episode, Replay, evaluate
from watcher.alerts.history import Arrival, Entry, Evaluated, History, entry_of
from watcher.alerts.power import limits, needed_prompts
from watcher.settings.alerts import AlertSettings, Milestone, Rule

__all__ = [
    "MEANINGS",
    "AlertSettings",
    "Arrival",
    "Best",
    "Criterion",
    "Delta",
    "Entry",
    "Episode",
    "Evaluated",
    "History",
    "Meaning",
    "Milestone",
    "Replay",
    "Rule",
    "best",
    "compare",
    "entry_of",
    "evaluate",
    "limits",
    "needed_prompts",
]
