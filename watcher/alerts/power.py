"""How many samples the warnings need: told before a run, since afterwards it is too late."""

from __future__ import annotations

from watcher.alerts.counts import LOOKS
from watcher.alerts.finding import percent
from watcher.alerts.settings import AlertSettings
from watcher.alerts.statistics import samples_for_drop

# The sign that came with the metrics: 95 % at step 100, 80 % at step 200.
USUAL, FALLEN = 0.95, 0.80


def needed_samples(settings: AlertSettings, before: float = USUAL, after: float = FALLEN) -> int:
    """Samples with which a fall of validity is seen within two checkpoints in 95 of 100 runs, roughly.

    >>> needed_samples(AlertSettings()), needed_samples(AlertSettings(), 0.95, 0.85)
    (78, 150)
    """
    return max(samples_for_drop(before, after, settings.chance / len(LOOKS)), settings.least_pages)


def limits(samples: int, settings: AlertSettings) -> tuple[str, ...]:
    """What so many samples are too few for, a sentence each; empty where they are enough.

    >>> print(*limits(32, AlertSettings()))
    With 32 samples, only a fall of validity from 95 % to 68 % or less is seen reliably; 80 % needs about 78 samples.
    >>> len(limits(8, AlertSettings()))
    2
    >>> limits(128, AlertSettings())
    ()
    """
    sentences = []
    needed = needed_samples(settings)
    if samples < needed:
        seen = next((p for p in range(79, 0, -1) if needed_samples(settings, after=p / 100) <= samples), None)
        what = (
            f"only a fall of validity from {percent(USUAL)} to {seen} % or less is seen reliably"
            if seen is not None
            else "no fall of validity is seen reliably"
        )
        sentences.append(f"With {samples} samples, {what}; {percent(FALLEN)} needs about {needed} samples.")
    if samples < settings.least_pages:
        sentences.append(
            f"With {samples} samples, colors, layouts and classes raise no warnings; that needs {settings.least_pages} "
            "samples with pages."
        )
    return tuple(sentences)
