"""Where a page's theme may stand, and what a given theme adds: the same two names are blue whatever says so."""

from pathlib import Path

import pytest

from scorers import Completion, Language, Sample, ThemeError, given_theme, score, score_sample, versions
from scorers.contents import Contents
from scorers.jsx.read import read_jsx
from scorers.measures.classes import count_classes
from scorers.measures.colors import count_colors
from scorers.page import make_page
from scorers.tailwind.theme import Theme

NAMES = "bg-primary text-primary/80"
TSX = f'export default () => <p className="{NAMES}">Hi</p>'
CONFIG = "{ content: [], theme: { extend: { colors: { primary: { DEFAULT: 'hsl(var(--primary))' } } } } }"

SHEETS = {
    "v3 channels": "@layer base { :root { --primary: 217 91% 60%; } .dark { --primary: 0 0% 9%; } }",
    "inline theme": ":root { --primary: 217 91% 60%; } @theme inline { --color-primary: hsl(var(--primary)); }",
    "oklch": ":root { --primary: oklch(0.623 0.214 259.8); } @theme inline { --color-primary: var(--primary); }",
    "hex": ":root { --primary: #3b82f6 }",
    "theme": "@theme { --color-primary: #3b82f6; }",
    "daisyUI": '@plugin "daisyui/theme" { name: "a"; --color-primary: oklch(62.3% 0.214 259.8); }',
}
SCRIPTS = {
    "typed": f"import type {{ Config }} from 'tailwindcss'\nconst config: Config = {CONFIG}\nexport default config",
    "satisfies": f"export default {CONFIG} satisfies Config",
    "satisfies, then exported": f"const config = {CONFIG} satisfies Config;\n\nexport default config;",
    "module": f"/** @type {{import('tailwindcss').Config}} */\nmodule.exports = {CONFIG}",
    "called": f"export default withUt(defineConfig({CONFIG}))",
    "assigned": f"tailwind.config = {CONFIG}",
    "constant": "const brand = '#3b82f6'; const colors = { primary: brand } as const\n"
    "export default { theme: { extend: { colors } } }",
    "daisyUI": "module.exports = { daisyui: { themes: [{ mine: { primary: '#3b82f6', 'base-100': '#fff' } }] } }",
}
CHANNELS = Contents(sheets=(":root { --primary: 217 91% 60% }",))


def colors_of(*files: Contents, given: Theme | None = None) -> dict[str, int]:
    page = make_page(files, given)
    count = count_colors(page, count_classes(page))
    return dict(count.tokens) | ({"?": count.unresolved} if count.unresolved else {})


def sample_of(code: str, language: Language, theme: Theme | None = None) -> Sample:
    return score_sample(Completion(code, language=language), theme=theme)


@pytest.mark.parametrize("css", SHEETS.values(), ids=SHEETS)
def test_a_style_sheet_beside_a_component_is_its_theme(css: str) -> None:
    assert colors_of(read_jsx(TSX), Contents(sheets=(css,))) == {"blue-500": 2}
    page = f'<style>{css}</style><p class="{NAMES}">Hi</p>'
    assert dict(sample_of(page, Language.HTML).colors) == {"blue-500": 2}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_a_configuration_beside_a_component_is_its_theme(script: str) -> None:
    assert colors_of(read_jsx(TSX), Contents(scripts=(script,)), CHANNELS) == {"blue-500": 2}


def test_a_configuration_in_the_language_of_a_component_is_its_theme() -> None:
    assert colors_of(read_jsx(SCRIPTS["typed"]), read_jsx(TSX), CHANNELS) == {"blue-500": 2}


def test_a_completion_with_css_beside_tsx_has_the_colors_of_both() -> None:
    text = f"```css\n{SHEETS['inline theme']}\n```\n\n```tsx\n{TSX}\n```\n"
    sample = score_sample(Completion(text))
    assert (dict(sample.colors), dict(sample.hues or ()), sample.unresolved_colors) == (
        {"blue-500": 2},
        {"blue_purple": 2},
        0,
    )


@pytest.mark.parametrize(
    "code",
    [
        f"() => <div><style>{{`:root {{ --primary: #3b82f6 }}`}}</style><p className='{NAMES}' /></div>",
        f"() => <div style={{{{ '--primary': '#3b82f6' }} as React.CSSProperties}}><p className='{NAMES}' /></div>",
        f"const B = '#3b82f6'; () => <p style={{{{ '--primary': B }}}} className='{NAMES}' />",
    ],
)
def test_a_component_may_hold_its_theme_itself(code: str) -> None:
    assert colors_of(read_jsx(code)) == {"blue-500": 2}


def test_a_variable_in_a_style_attribute_is_a_definition() -> None:
    page = f'<div style="--primary: #3b82f6"><p class="{NAMES}">Hi</p></div>'
    assert dict(sample_of(page, Language.HTML).colors) == {"blue-500": 2}


def test_theme_functions_mean_the_page_own_theme() -> None:
    page = (
        "<script>tailwind.config = { theme: { extend: { colors: { brand: { 500: '#3b82f6' } } } } }</script>"
        "<style>p { color: theme('colors.brand.500'); background: theme(colors.red.500) }</style>"
        "<p class='text-[theme(colors.brand.500)]'>x</p>"
    )
    assert dict(sample_of(page, Language.HTML).colors) == {"blue-500": 2, "red-500": 1}


def test_names_of_a_design_system_are_utilities_without_a_theme() -> None:
    names = (
        "bg-primary text-muted-foreground/80 border-border ring-ring/50 bg-sidebar-accent text-base-content"
        " from-base-200 fill-chart-1 hover:bg-accent rounded-lg"
    )
    sample = sample_of(f'<p class="{names} bg-brandish text-primari fa-home">x</p>', Language.HTML)
    assert dict(sample.classes).keys() == set(names.split())
    assert (sample.num_colors, sample.unresolved_colors, sample.hues) == (0, 9, ())
    assert (sample.class_tokens, sample.dead_classes) == (13, 2)


def test_a_theme_that_only_running_would_tell_is_unresolved() -> None:
    page = (
        f"<script>tailwind.config = {{ theme: {{ colors: {{ primary: f('x') }} }} }}</script><p class='{NAMES}'>x</p>"
    )
    sample = sample_of(page, Language.HTML)
    assert (sample.num_colors, sample.unresolved_colors) == (0, 2)


def test_a_given_theme_resolves_names_and_the_page_goes_before_it() -> None:
    shadcn = given_theme(["shadcn"])
    assert colors_of(read_jsx(TSX), given=shadcn) == {"neutral-900": 2}
    assert colors_of(read_jsx(TSX), CHANNELS, given=shadcn) == {"blue-500": 2}
    assert colors_of(read_jsx(TSX), Contents(scripts=(SCRIPTS["constant"],)), given=shadcn) == {"blue-500": 2}
    assert shadcn is not None
    assert len(shadcn.colors) == 33
    assert all(shadcn.color(name) not in (None, Theme().color(name)) for name in shadcn.colors)


def test_files_go_before_shadcn_and_the_first_file_before_the_next(tmp_path: Path) -> None:
    css, config = tmp_path / "a.css", tmp_path / "tailwind.config.ts"
    css.write_text(":root { --primary: 217 91% 60% }")
    config.write_text(SCRIPTS["typed"])
    named = ["shadcn", str(config), str(css)]
    assert colors_of(read_jsx(TSX + '; <p className="bg-destructive" />'), given=given_theme(named)) == {
        "blue-500": 2,
        "red-600": 1,
    }
    red = tmp_path / "b.css"
    red.write_text(":root { --primary: #ef4444 }")
    assert colors_of(read_jsx(TSX), given=given_theme([str(red), str(css)])) == {"red-500": 2}


def test_a_given_theme_has_the_identity_of_its_content(tmp_path: Path) -> None:
    one, two = tmp_path / "one.css", tmp_path / "two.css"
    one.write_text(":root { --primary: red }")
    two.write_text(one.read_text())
    themes = [given_theme([str(file)]) for file in (one, two)]
    two.write_text(":root { --primary: blue }")
    changed = given_theme([str(two)])
    assert versions((), themes[0]) == versions((), themes[1]) != versions((), changed)
    assert versions((), given_theme(["shadcn"])) not in {versions(), versions((), changed)}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("gone.css", None, "does not exist; check --theme"),
        ("theme.txt", "x", "is no style sheet or configuration of Tailwind; name shadcn"),
        ("a.css", "p { color: red }", "defines nothing that uimon can read"),
        ("a.js", "module.exports = f()", "defines nothing that uimon can read"),
        ("a.css", b"\xff\xfe\x00", "cannot be read"),
        ("a.js", "x" * 100_001, "is longer than 100,000 characters"),
    ],
)
def test_a_theme_that_is_of_no_use_is_named(tmp_path: Path, name: str, text: str | bytes | None, said: str) -> None:
    file = tmp_path / name
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ThemeError, match=said) as caught:
        given_theme([str(file)])
    assert str(file) in str(caught.value)


def test_processes_score_with_the_given_theme_too() -> None:
    completions = [Completion(TSX, language=Language.TSX)] * 3
    for workers in (1, 2):
        report = score(completions, workers=workers, theme=given_theme(["shadcn"]))
        assert report.metrics["eval/unresolved_color_share"] == 0.0


@pytest.mark.parametrize(
    "config",
    [
        "".join(f"const a{n} = {{ x: a{n + 1}, y: a{n + 1} }};" for n in range(60)) + "export default { theme: a0 }",
        "const a = { b: {} };export default { theme: { colors: {" + ",".join(f"c{n}: a" for n in range(5_000)) + "}}}",
        "const a = a; export default { theme: { colors: { a, b: a.a } } }",
        "export default " * 5_000,
        "export default f(" * 4_000 + "{theme: 1",
        "const x: " * 9_000,
    ],
)  # fmt: skip
def test_a_configuration_of_constants_is_read_to_its_end(config: str) -> None:
    assert isinstance(make_page([Contents(scripts=(config,))]).theme, Theme)


PREPROCESSED = {
    "scss": "$brand: #e11d48; // a note\n.a { color: $brand; &:hover { background: darken($brand, 10%); } }",
    "scss, faded": "$brand: #e11d48;\n.a { color: $brand; border-color: rgba($brand, 0.5) }",
    "less": "@brand: #e11d48; @media print { .a { color: @brand } } .b { background: fade(@brand, 10%) }",
    "plain": ":root { --brand: #e11d48 } .a { color: var(--brand); background: var(--brand) }",
}


@pytest.mark.parametrize("css", PREPROCESSED.values(), ids=PREPROCESSED)
@pytest.mark.parametrize("form", ["```tsx\n{tsx}\n```\n```scss\n{css}\n```", "```vue\n{vue}<style>{css}</style>\n```"])
def test_variables_of_preprocessors_are_resolved(css: str, form: str) -> None:
    vue = "<template><p class='a'>x</p></template>"
    sample = score_sample(Completion(form.format(tsx="export default () => <p className='a' />", vue=vue, css=css)))
    assert (dict(sample.colors), sample.unresolved_colors) == ({"rose-600": 2}, 0)


def test_a_variable_of_another_style_sheet_is_unresolved() -> None:
    sample = score_sample(Completion("<style>a { color: $brand }</style><p>x</p>", language=Language.HTML))
    assert (sample.colors, sample.unresolved_colors) == ((), 1)


def test_a_long_definition_ends_with_a_whole_color() -> None:
    stops = ", ".join(["#0f172a 10%"] * 25)
    for pad in range(12):
        page = f"<style>:root{{--g: {'x' * pad} linear-gradient({stops})}} a{{background: var(--g)}}</style><p>x</p>"
        assert [name for name, _ in score_sample(Completion(page, language=Language.HTML)).colors] == ["slate-900"]
