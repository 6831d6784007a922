"""Where the validation file of a run is looked for."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from watcher.model import Reason, UimonError

_STEMS: Final = ("val", "validation", "valid", "eval", "dev")
_SUFFIXES: Final = (".jsonl", ".json", ".parquet", ".jsonl.gz", ".json.gz", ".csv", ".tsv")
NAMES: Final = tuple(stem + suffix for stem in _STEMS for suffix in _SUFFIXES)


def find_val(checkpoints: Path) -> Path:
    """Find the validation file of a run: next to the checkpoints, in them, or in the current directory.

    Args:
        checkpoints: The trainer's output directory.

    Returns:
        `val.jsonl` wherever it is; else the one file with another usual name (`val.json`, `eval.jsonl`,
        `validation.parquet`, …) in the first of these places that has any.

    Raises:
        UimonError: VAL_MISSING, with the places that were searched, or with the files if one place has several.
    """
    places = list(dict.fromkeys(p.resolve() for p in (checkpoints.parent, checkpoints, Path.cwd())))
    for place in places:
        if (place / "val.jsonl").is_file():
            return place / "val.jsonl"
    for place in places:
        found = [place / name for name in NAMES if (place / name).is_file()]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(path.name for path in found)
            sentence = f"Several files in {place} may be the validation file ({names}); name one with --val FILE."
            raise UimonError(Reason.VAL_MISSING, sentence)
    looked = ", ".join(str(p) for p in places)
    raise UimonError(
        Reason.VAL_MISSING,
        f"No val.jsonl, nor a file with another usual name (val.json, eval.jsonl, …), in {looked}; name the "
        "validation file with --val FILE.",
    )
