"""What a setting is besides its type and default: where help lists it, how it is written, whether it changes samples.

Everything that people read of a setting comes from its field in `Settings`: the option, its help, the variable
`UIMON_…`, the key of `uimon.toml`, and the page that lists them all. The first paragraph of the field's docstring is
the help; the other paragraphs say what the page of all settings has room for.
"""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watcher.settings.bounds import Bound

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo


class Panel(StrEnum):
    """The groups of options in help, by their titles."""

    RUN = "The run and how to log into it"
    PROMPTS = "Prompts and sampling (a change starts a new suite)"
    ADAPTERS = "LoRA"
    ENGINE = "Engine and GPU"
    SERVICE = "Service"


class Samples(StrEnum):
    """What another value of a setting makes of the samples or their scores."""

    SAME = "same"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Setting:
    """Stands in the annotation of each field of `Settings`.

    `panel`: where help lists it; None for what only the file and the environment give. `samples`: where
    another value gives other ones, it is part of the suite's digest. `following`: means something
    only where a trainer is followed. `flag`: the option's name, where it is not the field's. `metavar`: what help
    shows for the value. `default`: the default in words, where the value does not say it.
    """

    panel: Panel | None
    # Without a default: whoever adds a setting has to decide it.
    samples: Samples
    following: bool = False
    flag: str = ""
    metavar: str | None = None
    default: str = ""


class OptionKind(StrEnum):
    """How an option takes its value. Numbers and lengths of time are texts there, which `Settings` reads."""

    SWITCH = "switch"
    PATH = "path"
    LIST = "list"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Declaration:
    """One setting as people meet it. `flag` is empty where it has no option; `default` where it is nothing to tell."""

    name: str
    flag: str
    panel: Panel | None
    kind: OptionKind
    metavar: str | None
    meaning: str
    detail: str
    default: str
    bound: Bound | None
    changes_samples: bool
    following: bool

    @property
    def variable(self) -> str:
        """The environment variable that gives it."""
        return f"UIMON_{self.name.upper()}"

    @property
    def help(self) -> str:
        """The option's help: the meaning, the range, the default."""
        text = f"{self.meaning.removesuffix('.')}; {self.bound.short}." if self.bound else self.meaning
        return f"{text} [default: {self.default}]" if self.default else text


def declarations(model: type[BaseModel]) -> dict[str, Declaration]:
    """The settings of a model, by name, in its order. Raises TypeError for a field without a `Setting`."""
    return {name: _declaration(name, field) for name, field in model.model_fields.items()}


def _declaration(name: str, field: FieldInfo) -> Declaration:
    setting = next((one for one in field.metadata if isinstance(one, Setting)), None)
    if setting is None:
        raise TypeError(f"the setting {name} needs a Setting in its annotation, which says whether it changes samples")
    bound = next((one for one in field.metadata if isinstance(one, Bound)), None)
    meaning, _, detail = (" ".join(part.split()) for part in (field.description or "").partition("\n\n"))
    own = "TIME" if bound and bound.is_time else "NUMBER" if bound else None
    return Declaration(
        name=name,
        flag=setting.flag or f"--{name.replace('_', '-')}" if setting.panel else "",
        panel=setting.panel,
        kind=_kind(field.annotation),
        metavar=setting.metavar or own,
        meaning=meaning,
        detail=detail,
        default=setting.default or _told(field.default, bound),
        bound=bound,
        changes_samples=setting.samples is Samples.OTHER,
        following=setting.following,
    )


def _kind(annotation: Any) -> OptionKind:
    """How a field's value is written as an option.

    >>> [_kind(annotation).value for annotation in (bool, Path | None, list[str], int | None, str)]
    ['switch', 'path', 'list', 'text', 'text']
    """
    if isinstance(annotation, types.UnionType):
        (annotation,) = (one for one in typing.get_args(annotation) if one is not types.NoneType)
    by_type = {bool: OptionKind.SWITCH, Path: OptionKind.PATH, list: OptionKind.LIST}
    return by_type.get(typing.get_origin(annotation) or annotation, OptionKind.TEXT)


def _told(value: object, bound: Bound | None) -> str:
    """A default as people write it; empty where there is nothing to tell.

    >>> [_told(value, Bound(0, 9e9, "s")) for value in (5.0, 60.0, 120.0, 21600.0)]
    ['5s', '60s', '2m', '6h']
    >>> _told(64, None), _told(1.0, None), _told("auto", None), _told(False, None), _told({}, None)
    ('64', '1', 'auto', '', '')
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return ""
    if isinstance(value, str):
        return value
    if bound is None or not bound.is_time:
        return f"{value:g}"
    size, unit = next((size, unit) for size, unit in ((3600, "h"), (60, "m"), (1, "s")) if value >= 2 * size)
    return f"{value / size:g}{unit}"
