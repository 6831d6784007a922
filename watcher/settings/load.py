"""The settings in force: read from flags, environment and file, or refused in one sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import BeforeValidator, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from watcher.model import JsonObject, Reason, UimonError
from watcher.settings.arguments import shown
from watcher.settings.config import DECLARED, Settings

DEFAULT_FILE: Final = Path("uimon.toml")


def load_settings(flags: JsonObject, config: Path | None = None) -> Settings:
    """The settings in force. `flags` holds what the command line gave; None means not given.

    `config` is the file to read; without it `uimon.toml` in the current directory is read where there is one.
    Raises UimonError(CONFIG_INVALID) with a sentence that names the setting, its value and what is allowed.
    """
    path = config or DEFAULT_FILE
    if config is not None and not config.is_file():
        why = "is not a file" if config.exists() else "does not exist"
        raise UimonError(Reason.CONFIG_INVALID, f"The configuration file {config} {why}; check --config.")

    given = {name: value for name, value in flags.items() if value is not None}
    try:
        # What is neither a file nor absent would be waited for, or be read for ever.
        return _settings_from(path if path.is_file() else None)(**given)
    except ValidationError as error:
        raise UimonError(Reason.CONFIG_INVALID, _explain(error)) from None
    except SettingsError as error:
        named = re.search('field "(.*?)"', str(error))
        variable = f"UIMON_{named[1].upper()}" if named else "The environment"
        raise UimonError(Reason.CONFIG_INVALID, f"{variable} cannot be read; give its value as JSON.") from None
    except (OSError, ValueError) as error:
        raise UimonError(Reason.CONFIG_INVALID, f"{path} cannot be read as TOML: {error}.") from None
    except RecursionError:
        sentence = "The settings are nested too deeply to be read; give fewer levels of brackets."
        raise UimonError(Reason.CONFIG_INVALID, sentence) from None


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Variables that look like settings and are none, as a slip of the pen leaves them.

    >>> unknown_variables({"UIMON_SAMPELS": "8", "UIMON_SAMPLES": "8", "UIMON_PORT_80_TCP": "x", "UIMON_ALERT": "x"})
    ['UIMON_SAMPELS']
    """
    known = {declared.variable for declared in DECLARED.values()}
    # What uimon gives to commands, and Kubernetes to the pods beside a service of this name.
    others = re.compile("UIMON_(ALERT|ALERT_RULE|ALERT_LEVEL|CRASH_AT|SERVICE_.*|PORT|PORT_.*)")
    named = (name for name in environ if name.upper().startswith("UIMON_"))
    return sorted(name for name in named if name.upper() not in known and not others.fullmatch(name.upper()))


@cache
def _settings_from(path: Path | None) -> type[Settings]:
    """The settings that also read this file. It is read at each load, the model made once."""

    class FromFile(_Sources):
        model_config = SettingsConfigDict(toml_file=path)

    return FromFile


class _Environment(EnvSettingsSource):
    """Variables `UIMON_…`. Lists and tables are JSON there, but for those that have a notation of their own."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        if any(isinstance(one, BeforeValidator) for one in field.metadata):
            return value
        return super().decode_complex_value(field_name, field, value)


class _Sources(Settings, BaseSettings):
    """Flags, then the environment, then the file. Apart from what is declared: help needs none of it."""

    model_config = SettingsConfigDict(
        env_prefix="UIMON_", extra="forbid", use_attribute_docstrings=True, env_parse_none_str="none"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, _Environment(settings_cls), TomlConfigSettingsSource(settings_cls)


_KINDS = {
    **dict.fromkeys(("list_type", "tuple_type"), "give a list"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "give a table"),
    "string_type": "give a text",
}
"""What is to be given, by pydantic's name for what is wrong."""


def _explain(error: ValidationError) -> str:
    """One sentence for the first thing that is wrong; the rest would only bury it."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        lists = "docs/configuration.md" if name.startswith("alerts.") else "`uimon watch --help`"
        return f"There is no setting called {name!r}; {lists} lists them."
    if name == "webhook":
        return f"The setting webhook cannot be used: {first['msg'].removeprefix('Value error, ')}."
    trouble = _KINDS.get(first["type"]) or first["msg"].removeprefix("Value error, ").rstrip(".")
    bound = DECLARED[name].bound if name in DECLARED else None
    allowed = f"; {bound.said} are allowed" if bound and bound.said not in trouble else ""
    return f"The setting {name} cannot be {shown(first['input'])}: {trouble}{allowed}."
