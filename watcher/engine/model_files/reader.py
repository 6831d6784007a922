"""Brings models, bases and adapters into the form that the engine reads (`views`, `fitting`), and clears it away."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from watcher.checkpoints.listing import stamp_in
from watcher.engine.model_files.fitting import Fitted, fit_adapter
from watcher.engine.model_files.inventory import Inventory, read_inventory
from watcher.engine.model_files.views import lay_out, named_as, reading_of


@dataclass(frozen=True, slots=True)
class BaseRead:
    """A base as the engine reads it: `view` of the directory `path`, whose weight files had `stamp`.

    `beside` are the names of the tensors that are not read.
    """

    path: Path
    stamp: str
    view: Path
    beside: frozenset[str]


@dataclass(frozen=True, slots=True)
class AdapterRead:
    """An adapter as the engine reads it, and the headers of the base that it fits."""

    fitted: Fitted
    origin: Inventory

    def said(self, note: str) -> str:
        """The note of a load, with a word about what of the adapter was left out."""
        if not self.fitted.left_out:
            return note
        left = f"{len(self.fitted.left_out)} adapted modules that no text passes through were left out"
        return f"{note} {left} ({self.fitted.left_out[0]}, …).".strip()


class Reader:
    """Keeps its copies below `place`. `go_on` is asked while it copies, and ends that by raising."""

    def __init__(self, place: Path, go_on: Callable[[], None]) -> None:
        self._place = place
        self._go_on = go_on
        self._base: BaseRead | None = None

    @contextmanager
    def full(self, path: Path) -> Iterator[Path]:
        """The directory to read the full model in `path` from. Raises `UimonError` as `reading_of` and `lay_out` do.

        A wrapper is read as it is where vLLM's class for it can be imported, since a copy of its text costs its size.
        """
        place = self._place / "full"
        try:
            view = lay_out(reading_of(path, text=not has_image_packages()), place, self._go_on)
            with named_as(view, path):
                yield view
        finally:
            # The engine holds the weights by now, and no later step reads them.
            shutil.rmtree(place, ignore_errors=True)

    @contextmanager
    def adapter(self, path: Path, base: Path) -> Iterator[AdapterRead]:
        """The adapter in `path` in the words of the base in `base`. Raises `UimonError` as `full` and `fit_adapter` do.

        The base's view stays for the next adapters.
        """
        place = self._place / "adapter"
        read = self._read_base(base)
        try:
            with named_as(read.view, read.path):
                origin = read_inventory(read.view)
                fitted = fit_adapter(path, origin, place, read.beside)
                with named_as(fitted.path, path):
                    yield AdapterRead(fitted, origin)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _read_base(self, path: Path) -> BaseRead:
        known, stamp = self._base, stamp_in(path)
        if known is not None and (known.path, known.stamp) == (path, stamp) and known.view.is_dir():
            return known
        reading = reading_of(path, text=True)
        view = lay_out(reading, self._place / "base", self._go_on)
        self._base = BaseRead(path, stamp, view, reading.left_out)
        return self._base


def has_image_packages() -> bool:
    """Whether vLLM's classes for models with images can be imported: nearly all of them need torchvision."""
    return importlib.util.find_spec("torchvision") is not None
