"""Which hue a color has: a palette color its family's, any other that of its angle, and hardly tinted ones none."""

import json
import math
from pathlib import Path

import pytest

import scorers
from scorers import Completion, Language, Outcome, Sample, aggregate, score_sample
from scorers.css.palette import color_of, hue_bin, hue_of, palette
from scorers.measures.hues import hues_of

V3 = json.loads((Path(scorers.__file__).parent / "tailwind/table.json").read_text())["palette_v3"]


def hues(code: str, language: Language = Language.HTML) -> dict[str, int]:
    return dict(score_sample(Completion(code, language=language)).hues or ())


def hex_of(lightness: float, chroma: float, angle: float) -> str:
    return f"oklch({lightness} {chroma} {angle})"


@pytest.mark.parametrize(
    "blue",
    ["#2196f3", "#1976d2", "#1565c0", "#3182ce", "#2b6cb0", "#4a90e2", "#0056b3", "#007bff", "#0a66c2", "#0d6efd",
     "#1890ff", "#667eea", "#764ba2", "#5c6bc0", "#6b5b95", "#7c6f9b", "#16213e"],
)  # fmt: skip
def test_a_blue_or_purple_is_one_whatever_shade_is_nearest(blue: str) -> None:
    assert hues(f'<p style="color:{blue}">a</p><p class="bg-[{blue}]">b</p>') == {"blue_purple": 2}


@pytest.mark.parametrize(
    ("css", "hue"),
    [("#03a9f4", "sky"), ("#1da1f2", "sky"), ("#00bcd4", "teal"), ("#009688", "teal"), ("#4caf50", "green"),
     ("#cddc39", "yellow"), ("#ffc107", "yellow"), ("#ff9800", "orange"), ("#ff5722", "orange"), ("#f44336", "red"),
     ("#dc3545", "red"), ("#e91e63", "red"), ("#ff69b4", "pink"), ("#c71585", "pink")],
)  # fmt: skip
def test_other_hues_follow_the_angle(css: str, hue: str) -> None:
    assert hues(f'<p style="color:{css}">a</p>') == {hue: 1}


@pytest.mark.parametrize(
    "gray", ["#808080", "#f8fafc", "#fffffa", "#fefeff", "#0b0f19", "#1a1a2e", "#2c3e50", "#fff", "#000"]
)
def test_what_is_hardly_tinted_has_no_hue(gray: str) -> None:
    sample = score_sample(Completion(f'<p style="color:{gray}">a</p>', language=Language.HTML))
    assert sample.hues == ()
    assert sample.num_colors == 1


def test_a_light_tint_has_its_hue() -> None:
    assert hues('<p style="background:#e3f2fd">a</p>') == {"sky": 1}
    assert hues('<p style="background:#eff6ff">a</p>') == {"blue_purple": 1}


@pytest.mark.parametrize("name", V3)
def test_a_palette_color_written_as_hex_has_its_familys_hue(name: str) -> None:
    color = color_of(V3[name])
    assert color is not None
    assert color.hue == hue_bin(name)


def test_every_palette_color_has_its_familys_hue_however_it_is_written() -> None:
    for name, (lightness, a, b) in palette().items():
        angle = math.degrees(math.atan2(b, a)) % 360
        color = color_of(hex_of(round(lightness, 4), round(math.hypot(a, b), 3), round(angle, 2)))
        assert color is not None
        assert color.hue == hue_bin(name), name


def test_the_floor_separates_the_grays_of_the_palette_from_its_hues() -> None:
    by_angle = {name: hue_of(lab) for name, lab in palette().items()}
    assert not [name for name, hue in by_angle.items() if hue and hue_bin(name) is None]
    assert [name for name, hue in by_angle.items() if hue_bin(name) and hue is None] == ["teal-950"]
    drifting = [name for name, hue in by_angle.items() if hue and hue != hue_bin(name)]
    assert {name.partition("-")[0] for name in drifting} == {"amber", "yellow", "orange", "emerald", "cyan"}


def test_muted_purples_are_a_takeover_too() -> None:
    pages = [
        f'<p style="color:{hex_of(0.5, 0.06, 280 + n)};background:#fff;border-color:#eee">a</p>' for n in range(20)
    ]
    metrics = aggregate([score_sample(Completion(page, language=Language.HTML)) for page in pages], 0)
    assert metrics["eval/blue_purple_share"] == 1.0


def test_a_stored_sample_has_the_hues_that_it_was_stored_with() -> None:
    sample = score_sample(Completion('<p style="color:#2196f3">a</p>', language=Language.HTML))
    assert dict(hues_of(Sample.from_dict(sample.to_dict()))) == {"blue_purple": 1}
    old = {name: value for name, value in sample.to_dict().items() if name not in ("hues", "unresolved_colors")}
    assert dict(hues_of(Sample.from_dict(old))) == {"sky": 1}


def test_the_custom_tokens_of_old_samples_are_unresolved_colors() -> None:
    old = Sample("", Outcome.VALID, num_colors=4, colors=(("blue-500", 3), ("custom:primary", 1)))
    new = Sample("", Outcome.VALID, num_colors=3, colors=(("blue-500", 3),), unresolved_colors=1, hues=())
    for sample in (old, new):
        assert aggregate([sample], 0)["eval/unresolved_color_share"] == 0.25
