"""The replaced callback's figures, defects and all, beside uimon's own on the same outputs."""

from __future__ import annotations

from typing import Any

import pytest

from scorers import Completion, Language, load_plugins, score

PAGE = (
    "<!DOCTYPE html><html><head><meta charset='utf-8'></head>"
    "<body class='bg-white from-blue-500'><br><p class='text-red-500 border-t-2'>x</p></body></html>"
)


def both(*texts: str, language: Language | None = None) -> dict[str, tuple[Any, Any]]:
    metrics = score([Completion(text, language=language) for text in texts], load_plugins(["legacy"])).metrics
    names = ("syntax_validity_rate", "color_entropy", "unique_tailwind_classes", "total_colors_used")
    return {name: (metrics[f"eval/legacy/{name}"], metrics[f"eval/{name}"]) for name in names}


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (PAGE, 0, 1),
        ("<ul><li>a<li>b</ul>", 0, 1),
        ("", 1, 0),
        ("I cannot do that.", 1, 0),
        ("<div><p>x</p></div>", 1, 1),
        ("<div><p>x</div>", 0, 1),
        ("<div><span>x</div>", 0, 0),
        ("<a><b></a></a>", 0, 0),
        ("<img src='a' />", 1, 1),
    ],
)
def test_the_old_verdict_stands_beside_the_new_one(text: str, old: float, new: float) -> None:
    assert both(text)["syntax_validity_rate"] == (old, new)


def test_the_old_colors_and_classes_stand_beside_the_new_ones() -> None:
    found = both(PAGE, language=Language.HTML)
    assert found["total_colors_used"] == (2, 3)
    assert found["color_entropy"] == (1, pytest.approx(1.584962))
    assert found["unique_tailwind_classes"][0] == 4
    assert both("<a href='#add'>x</a>")["total_colors_used"] == (1, 0)
    assert both("<p>x</p>")["color_entropy"] == (0, None)


def test_a_fence_is_not_taken_off_and_does_not_matter_to_the_old_verdict() -> None:
    assert both("```html\n<p class='p-4'>x</p>\n```")["unique_tailwind_classes"] == (1, 1)
    assert both("```html\n<p>a<b>\n```")["syntax_validity_rate"] == (0, 0)


def test_it_is_off_unless_it_is_asked_for() -> None:
    assert not any("legacy" in name for name in score([Completion(PAGE)]).metrics)
