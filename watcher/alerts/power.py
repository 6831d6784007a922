"""How many samples the warnings need: told before a run, since afterwards it is too late."""

from __future__ import annotations

from watcher.alerts.counts import LOOKS
from watcher.alerts.finding import percent
from watcher.alerts.settings import AlertSettings
from watcher.alerts.statistics import samples_for_drop

# The sign that came with the metrics: 95 % at step 100, 80 % at step 200.
USUAL, FALLEN = 0.95, 0.80


def needed_samples(settings: AlertSettings, before: float = USUAL, after: float = FALLEN) -> int | None:
    """Samples with which a fall of validity is seen within two checkpoints in 95 of 100 runs, roughly; None where no
    number is enough, since the settings warn of no fall as small as this.

    >>> needed_samples(AlertSettings()), needed_samples(AlertSettings(), 0.95, 0.70)
    (95, 38)
    >>> needed_samples(AlertSettings(), 0.95, 0.87)
    """
    needed = samples_for_drop(before, after, settings.validity_drop, settings.chance / len(LOOKS))
    return None if needed is None else max(needed, settings.least_pages)


def limits(samples: int, settings: AlertSettings) -> tuple[str, ...]:
    """What so many samples are too few for, a sentence each; empty where they are enough.

    >>> print(*limits(32, AlertSettings()))
    With 32 samples, only a fall of validity from 95 % to 67 % or less is seen reliably; 80 % needs about 95 samples.
    >>> len(limits(8, AlertSettings()))
    2
    >>> limits(128, AlertSettings())
    ()
    """
    sentences = []
    needed = needed_samples(settings)
    if needed is None or samples < needed:
        sentences.append(_validity(samples, needed, settings))
    if samples < settings.least_pages:
        sentences.append(
            f"With {samples} samples, colors, layouts and classes raise no warnings; that needs {settings.least_pages} "
            "samples with pages."
        )
    return tuple(sentences)


def _validity(samples: int, needed: int | None, settings: AlertSettings) -> str:
    def enough(after: float) -> bool:
        least = needed_samples(settings, after=after)
        return least is not None and least <= samples

    seen = next((p for p in range(79, 0, -1) if enough(p / 100)), None)
    fall = (
        "no fall of validity" if seen is None else f"only a fall of validity from {percent(USUAL)} to {seen} % or less"
    )
    rest = "is below `validity_drop`" if needed is None else f"needs about {needed} samples"
    return f"With {samples} samples, {fall} is seen reliably; {percent(FALLEN)} {rest}."
