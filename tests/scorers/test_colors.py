"""Which colors a page uses: what counts, what does not, and what a theme turns names into."""

import pytest

from scorers import Completion, Language, score_sample
from scorers.css.palette import HUE_BINS, family, hue_bin, palette, token_of


def colors(code: str, language: Language = Language.HTML) -> dict[str, int]:
    """The tokens of a page; `?` counts the unresolved colors."""
    sample = score_sample(Completion(code, language=language))
    assert sample.num_colors == sum(count for _, count in sample.colors)
    return dict(sample.colors) | ({"?": sample.unresolved_colors} if sample.unresolved_colors else {})


def of_class(name: str) -> dict[str, int]:
    return colors(f'<p class="{name}">x</p>')


@pytest.mark.parametrize(
    "name",
    [
        "border-t-2",
        "bg-opacity-50",
        "text-center",
        "text-lg",
        "ring-2",
        "from-10%",
        "stroke-2",
        "shadow-lg",
        "bg-[url(/red.png)]",
        "bg-[length:200px_100px]",
        "text-[14px]",
        "bg-none",
        "bg-transparent",
        "text-current",
        "border-inherit",
        "bg-red-550",
        "card-red-500",
        "font-[red]",
    ],
)
def test_a_class_that_names_no_color_is_none(name: str) -> None:
    assert of_class(name) == {}


@pytest.mark.parametrize(
    "markup",
    [
        '<a href="#add">x</a>',
        '<a href="#fff" id="red" title="blue">red</a>',
        "<style>#add { margin: 0 } .red { top: 0 }</style>",
        '<p style="font-family: tan; --brand: #f00; animation: red 1s">x</p>',
        '<p style="background: url(#add); color: transparent; fill: none; border-color: currentColor">x</p>',
        "<style>/* a { color: red } */</style>",
    ],
)
def test_what_only_looks_like_a_color_is_none(markup: str) -> None:
    assert colors(markup) == {}


@pytest.mark.parametrize(
    "root",
    [
        "bg",
        "text",
        "border",
        "border-t",
        "border-x",
        "from",
        "via",
        "to",
        "ring",
        "ring-offset",
        "fill",
        "stroke",
        "divide",
        "outline",
        "accent",
        "caret",
        "decoration",
        "placeholder",
        "shadow",
    ],
)
@pytest.mark.parametrize("form", ["{}", "md:hover:{}", "{}/50", "!{}", "dark:{}/[0.3]"])
def test_a_color_counts_whatever_it_is_used_for(root: str, form: str) -> None:
    assert of_class(form.format(f"{root}-teal-500")) == {"teal-500": 1}


@pytest.mark.parametrize(
    ("css", "token"),
    [
        ("#3b82f6", "blue-500"),
        ("#3b82f680", "blue-500"),
        ("#f00", "red-500"),
        ("#F00F", "red-500"),
        ("rgb(59, 130, 246)", "blue-500"),
        ("rgba(59, 130, 246, .5)", "blue-500"),
        ("rgb(59 130 246 / 50%)", "blue-500"),
        ("hsl(217, 91%, 60%)", "blue-500"),
        ("oklch(62.3% 0.214 259.815)", "blue-500"),
        ("oklch(0.623 0.214 259.815)", "blue-500"),
        ("oklab(0.623 -0.0378 -0.2106)", "blue-500"),
        ("hwb(0 0% 0%)", "red-500"),
        ("color(srgb 1 1 1)", "white"),
        ("lab(100% 0 0)", "white"),
        ("#000", "black"),
        ("BLACK", "black"),
    ],
)
def test_a_css_color_becomes_its_nearest_palette_color(css: str, token: str) -> None:
    assert token_of(css.lower()) == token
    assert colors(f'<p style="background: {css}">x</p>') == {token: 1}
    assert of_class(f"bg-[{css.replace(' ', '_')}]") == {token: 1}


@pytest.mark.parametrize(
    ("css", "expected"),
    [
        ("rebeccapurple", "purple"),
        ("tomato", "red"),
        ("teal", "teal"),
        ("hotpink", "pink"),
        ("limegreen", "green"),
        ("royalblue", "blue"),
    ],
)
def test_a_named_color_falls_into_the_family_that_people_see(css: str, expected: str) -> None:
    assert family(token_of(css) or "") == expected


@pytest.mark.parametrize("css", ["transparent", "currentcolor", "inherit", "none", "#12", "#12345", "rgb()", "#f000"])
def test_no_color_and_full_transparency_have_no_token(css: str) -> None:
    assert token_of(css) is None


NEAR_GRAYS_OF_V4 = {"mauve", "olive", "mist", "taupe"}


def test_every_palette_color_is_its_own_nearest() -> None:
    for token, (lightness, a, b) in palette().items():
        nearest = token_of(f"oklab({lightness:.6f} {a:.6f} {b:.6f})")
        assert nearest is not None
        if family(token) not in NEAR_GRAYS_OF_V4:
            assert palette()[nearest] == pytest.approx((lightness, a, b), abs=1e-5), token


def test_a_css_color_is_never_called_a_near_gray_that_only_v4_has() -> None:
    nearest = {
        family(token_of(f"#{level:02x}{level:02x}{level - tint:02x}") or "")
        for level in range(32, 256)
        for tint in (0, 8)
    }
    assert nearest & NEAR_GRAYS_OF_V4 == set()
    assert of_class("bg-olive-500") == {"olive-500": 1}


def test_black_and_white_are_kept_and_have_no_hue() -> None:
    assert of_class("bg-black text-white border-transparent") == {"black": 1, "white": 1}
    assert (hue_bin("black"), hue_bin("white"), hue_bin("gray-500"), hue_bin("custom:brand")) == (None,) * 4
    assert hue_bin("indigo-300") == hue_bin("purple-900") == "blue_purple"


def test_every_chromatic_family_has_one_of_eight_hues() -> None:
    grays = {"slate", "gray", "zinc", "neutral", "stone", "mauve", "olive", "mist", "taupe", "black", "white"}
    assert {family(token) for token in palette()} - grays == set(HUE_BINS)
    assert len(set(HUE_BINS.values())) == 8


CONFIG = """<script>
tailwind.config = { theme: { extend: { colors: {
  primary: '#3b82f6', brand: { DEFAULT: '#ef4444', dark: "black", 50: `#fff` }, sea: colors.teal,
  leaf: colors.green[600], glow: 'hsl(var(--glow))', deep: 'rgb(var(--deep) / <alpha-value>)', red: { 500: '#22c55e' },
} } } }
</script><style>:root { --glow: 142 71% 45%; --deep: 59 130 246 } .dark { --glow: 0 0% 0% }</style>"""


@pytest.mark.parametrize(
    ("name", "token"),
    [
        ("bg-primary", "blue-500"),
        ("text-brand/50", "red-500"),
        ("hover:border-brand-dark", "black"),
        ("to-brand-50", "white"),
        ("from-sea-300", "teal-300"),
        ("ring-leaf", "green-600"),
        ("fill-glow", "green-500"),
        ("stroke-deep", "blue-500"),
        ("bg-red-500", "green-500"),
        ("bg-amber-500", "amber-500"),
    ],
)
def test_the_config_of_the_page_says_what_its_names_mean(name: str, token: str) -> None:
    assert colors(f'{CONFIG}<p class="{name}">x</p>') == {token: 1}


@pytest.mark.parametrize(
    ("name", "token"),
    [
        ("bg-[var(--a)]", "red-500"),
        ("bg-(--a)", "red-500"),
        ("bg-[--a]", "red-500"),
        ("bg-[color:var(--b)]", "red-500"),
        ("text-[hsl(var(--c))]", "red-500"),
        ("text-[var(--nowhere,#ff0000)]", "red-500"),
        ("bg-brand", "red-500"),
        ("bg-primary", "red-500"),
        ("[color:var(--a)]", "red-500"),
        ("bg-[theme(colors.red.500)]", "red-500"),
        ("bg-[var(--color-red-500)]", "red-500"),
        ("bg-[hsl(var(--nowhere))]", "?"),
        ("bg-[rgb(255_0_0/var(--opacity))]", "red-500"),
        ("bg-[var(--round)]", None),
    ],
)
def test_css_variables_are_followed(name: str, token: str | None) -> None:
    style = (
        "@theme { --color-brand: #f00 } :root { --a: #f00; --b: var(--a); --c: 0 100% 50%; --primary: var(--b);"
        " --round: var(--trip); --trip: var(--round) }"
    )
    assert colors(f'<style>{style}</style><p class="{name}">x</p>') == ({} if token is None else {token: 1})


def test_a_theme_color_defined_elsewhere_counts_as_unresolved() -> None:
    assert of_class("bg-primary hover:text-primary/80 border-muted bg-primary-dark bg-sky-50") == {"sky-50": 1, "?": 4}


def test_style_sheets_svg_attributes_and_gradients_count_once_for_each_use() -> None:
    page = (
        "<style>a:hover { color: #3B82F6 } b { background: linear-gradient(90deg, red, #fff 50%) }</style>"
        '<svg fill="none" stroke="#ef4444"><stop stop-color="black"/></svg><p style="border:1px solid red">x</p>'
    )
    assert colors(page) == {"blue-500": 1, "red-500": 3, "white": 1, "black": 1}


def test_jsx_colors_are_read_from_classes_styles_and_attributes() -> None:
    code = (
        "const A = () => <div className={cn('bg-blue-500', a && 'text-white')} style={{ backgroundColor: '#f00' }}>"
        '<svg stopColor="#000" fill="white" href="#add" /></div>'
    )
    assert colors(code, Language.TSX) == {"blue-500": 1, "white": 2, "red-500": 1, "black": 1}
