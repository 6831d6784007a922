"""The samples of an evaluation, read back for another look at them."""

from __future__ import annotations

from watcher.ledger.ledger import Evaluation, Ledger
from watcher.ledger.samples import StoredSample


def whole_samples(ledger: Ledger, evaluation: Evaluation) -> tuple[StoredSample, ...]:
    """All samples of an evaluation. Raises LookupError, in words, where one is lacking: what is found about the others
    would be about another set of prompts.
    """
    try:
        stored = ledger.samples(evaluation.uid)
    except ValueError as error:
        raise LookupError(f"its samples cannot be read back ({error})") from None
    if ledger.are_dropped(evaluation.uid):
        raise LookupError("its samples were not kept (--keep-samples)")
    count = evaluation.metrics.get("eval/samples")
    if count is not None and len(stored) != count:
        raise LookupError(f"the ledger has {len(stored)} of its {count:.0f} samples")
    return stored
