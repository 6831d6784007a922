"""What a turn may hold: text, parts of text, and nothing that a text model would not see."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

_TEXT_PARTS: Final = frozenset({"text", "input_text", "output_text"})
_MEDIA: Final[Mapping[str, str]] = {
    name: f"with {kind}"
    for kind, names in {
        "images": ("image", "images", "image_url", "input_image", "image_path"),
        "videos": ("video", "videos", "video_url", "input_video"),
        "audio": ("audio", "audios", "audio_url", "input_audio"),
    }.items()
    for name in names
}
"""Columns, and types of content parts, that are no text, and the reason why their line is unusable."""
MEDIA_REASONS: Final = frozenset(_MEDIA.values())
_PLACEHOLDER: Final = re.compile(r"<(?:image|video|audio)>")


class Unusable(Exception):
    """A line that cannot be asked; the text is the reason, as it stands behind a number ("2 with images")."""


def checked(content: object, role: str) -> object:
    """A turn's content as it is, since trainers hand it to the template so: text, parts of text, or nothing; what a
    tool returned may be anything. Raises Unusable for the rest.
    """
    if content is None or isinstance(content, str):
        return content
    if isinstance(content, list) and (role != "tool" or any(_is_part(part) for part in content)):
        for part in content:
            _check_part(part)
        return content
    if role == "tool":
        return content
    raise Unusable("whose content is neither text nor parts")


def _is_part(part: object) -> bool:
    return isinstance(part, Mapping) and isinstance(part.get("type"), str)


def _check_part(part: object) -> None:
    if isinstance(part, str):
        return
    if not isinstance(part, Mapping):
        raise Unusable("whose content is neither text nor parts")
    kind = str(part.get("type") or next((key for key in part if key in _MEDIA), "text"))
    if kind in _MEDIA:
        raise Unusable(_MEDIA[kind])
    if kind not in _TEXT_PARTS or not isinstance(part.get("text", part.get("content")), str):
        raise Unusable(f"with content in parts of the type {kind}")


def refuse_media(row: Mapping[str, object]) -> None:
    """Raise Unusable for a row, or a message, with pictures, films or sound in a column or key of its own: the model
    would not see them.
    """
    for column, reason in _MEDIA.items():
        value = row.get(column)
        if value is not None and not (isinstance(value, str | list | tuple | dict) and not value):
            raise Unusable(reason)


def placeholders_in(*texts: str | None) -> list[str]:
    """A note for each placeholder of pictures, films or sound in these texts. Without such a column a row has none,
    and the placeholder is text, as for trainers: a page has elements of that name.
    """
    found = dict.fromkeys(name for text in texts for name in _PLACEHOLDER.findall(text or ""))
    return [f"{name} in prompts stays as text, since no column has that name" for name in found]


def refuse_foreign(value: object) -> None:
    """Raise Unusable for what cannot be JSON: bytes, dates, half a character."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Unusable("with half a character in their text (an unpaired surrogate, as \\ud83d)") from None
    except (TypeError, ValueError, RecursionError):
        raise Unusable("that hold something other than text, numbers, lists and objects") from None
