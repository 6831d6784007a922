"""How many prompts the warnings need: told before a run, since afterwards it is too late.

Prompts, not samples: several answers to one prompt are alike, and no independent witnesses.
"""

from __future__ import annotations

from watcher.alerts.rules.counts import LOOKS
from watcher.alerts.rules.result import percent
from watcher.alerts.statistics import samples_for_drop
from watcher.settings.alerts import AlertSettings

# The sign that came with the metrics: 95 % at step 100, 80 % at step 200.
USUAL, FALLEN = 0.95, 0.80


def needed_prompts(settings: AlertSettings, before: float = USUAL, after: float = FALLEN) -> int | None:
    """Prompts with which a fall of validity is seen within two checkpoints in 95 of 100 runs, roughly; None where no
    number is enough, since the settings warn of no fall as small as this.

    >>> needed_prompts(AlertSettings()), needed_prompts(AlertSettings(), 0.95, 0.70)
    (137, 38)
    >>> needed_prompts(AlertSettings(), 0.95, 0.87)
    """
    needed = samples_for_drop(before, after, settings.validity_drop, settings.chance / len(LOOKS))
    return None if needed is None else max(needed, settings.least_pages)


def limits(prompts: int, settings: AlertSettings, n: int = 1) -> tuple[str, ...]:
    """What so many prompts with `n` answers each are too few for, a sentence each; empty where they are enough.

    >>> print(*limits(32, AlertSettings()))
    With 32 prompts, only a fall of validity from 95 % to 67 % or less is seen reliably; 80 % needs about 137 prompts.
    >>> len(limits(8, AlertSettings())), len(limits(8, AlertSettings(), n=4))
    (2, 1)
    >>> limits(144, AlertSettings())
    ()
    """
    sentences = []
    needed = needed_prompts(settings)
    if needed is None or prompts < needed:
        sentences.append(_validity(prompts, needed, settings))
    if prompts * n < settings.least_pages:
        sentences.append(
            f"With {_counted(prompts * n, 'sample')}, colors, layouts and classes raise no warnings; that needs "
            f"{settings.least_pages} samples with pages."
        )
    return tuple(sentences)


def _validity(prompts: int, needed: int | None, settings: AlertSettings) -> str:
    def enough(after: float) -> bool:
        least = needed_prompts(settings, after=after)
        return least is not None and least <= prompts

    seen = next((p for p in range(79, 0, -1) if enough(p / 100)), None)
    fall = (
        "no fall of validity" if seen is None else f"only a fall of validity from {percent(USUAL)} to {seen} % or less"
    )
    rest = "is below `validity_drop`" if needed is None else f"needs about {needed} prompts"
    return f"With {_counted(prompts, 'prompt')}, {fall} is seen reliably; {percent(FALLEN)} {rest}."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
