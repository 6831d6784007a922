"""A setting is declared once: what people read of it comes from its field."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import BaseModel

from watcher.settings.config import DECLARED, Settings
from watcher.settings.declaration import OptionKind, Panel, Samples, Setting, declarations
from watcher.settings.validators import within


class Small(BaseModel, use_attribute_docstrings=True):
    """Two settings."""

    patience: Annotated[float | None, within(0, 864_000, "s"), Setting(Panel.RUN, Samples.SAME, default="for ever")] = (
        None
    )
    """How long
    to wait.

    Longer than
    that is useless."""
    names: Annotated[list[str], Setting(Panel.SERVICE, Samples.OTHER, following=True, flag="--name")] = []
    """Name; several times for several."""


def test_a_field_says_all_that_people_read_of_a_setting() -> None:
    patience, names = declarations(Small).values()
    assert patience.help == "How long to wait; 0s to 10d. [default: for ever]"
    assert patience.detail == "Longer than that is useless."
    assert (patience.flag, patience.variable, patience.metavar) == ("--patience", "UIMON_PATIENCE", "TIME")
    assert (names.flag, names.kind, names.help) == ("--name", OptionKind.LIST, "Name; several times for several.")
    assert (names.changes_samples, names.following, patience.changes_samples) == (True, True, False)


def test_a_field_that_does_not_say_whether_it_changes_samples_is_refused() -> None:
    class Forgotten(Settings):
        top_k: int = 0

    with pytest.raises(TypeError, match="top_k needs a Setting"):
        declarations(Forgotten)
    with pytest.raises(TypeError):
        Setting(Panel.RUN)  # type: ignore[call-arg]


def test_every_setting_is_explained_and_only_tables_have_no_option() -> None:
    assert all(one.meaning.endswith((".", "`[alerts]`.")) for one in DECLARED.values())
    assert [one.name for one in DECLARED.values() if not one.flag] == ["alerts"]
    assert len({one.flag for one in DECLARED.values()}) == len(DECLARED)
