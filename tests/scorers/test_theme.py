"""What the names of a page's own theme stand for."""

import pytest

from scorers import Completion, Language, score_sample
from scorers.tailwind.config import MAX_SCRIPT, Expression, read_config
from scorers.tailwind.theme import MAX_COLORS, MAX_WORDS, read_theme


def colors(code: str) -> dict[str, int]:
    """The tokens of a page; `?` counts the unresolved colors."""
    sample = score_sample(Completion(code, language=Language.HTML))
    return dict(sample.colors) | ({"?": sample.unresolved_colors} if sample.unresolved_colors else {})


def themed(theme: str, css: str, name: str) -> dict[str, int]:
    script = f"<script>tailwind.config = {{ theme: {theme} }}</script>"
    return colors(f'{script}<style>{css}</style><p class="{name}">x</p>')


@pytest.mark.parametrize(
    ("value", "css", "token"),
    [
        ("'hsl(var(--p))'", "--p: 217 91% 60%", "blue-500"),
        ("'hsl(var(--p) / <alpha-value>)'", "--p: 217 91% 60%", "blue-500"),
        ("'rgb(var(--p))'", "--p: 59 130 246", "blue-500"),
        ("'rgb(var(--p) / 0.5)'", "--p: 59 130 246", "blue-500"),
        ("'rgba(var(--p), 0.5)'", "--p: 59, 130, 246", "blue-500"),
        ("'oklch(var(--p))'", "--p: 0.623 0.214 259.8", "blue-500"),
        ("'var(--p)'", "--p: oklch(62.3% 0.214 259.8)", "blue-500"),
        ("'var(--p)'", "--p: var(--q); --q: #3b82f6", "blue-500"),
        ("'var(--p, #3b82f6)'", "", "blue-500"),
        ("({ opacityValue }) => `rgb(var(--p) / ${opacityValue})`", "--p: 59 130 246", "blue-500"),
        ("withOpacity('--p')", "--p: 59 130 246", "?"),
        ("`#${red}`", "", "?"),
        ("colors.blue[500]", "", "blue-500"),
        ("colors['blue']['500']", "", "blue-500"),
        ("require('tailwindcss/colors').sky[300]", "", "sky-300"),
        ("'rebeccapurple'", "", "purple-800"),
        ("{ DEFAULT: '#3b82f6', dark: '#000' }", "", "blue-500"),
        ("'transparent'", "", None),
        ("'currentColor'", "", None),
    ],
)
def test_a_color_of_the_config_is_followed_to_its_value(value: str, css: str, token: str | None) -> None:
    expected = {} if token is None else {token: 1}
    theme = f"{{ extend: {{ colors: {{ brand: {value} }} }} }}"
    assert themed(theme, f":root {{ {css} }}", "hover:bg-brand/50") == expected


def test_a_family_of_the_palette_may_have_another_name() -> None:
    theme = "{ colors: { accent: colors.rose, cool: colors.coolGray } }"
    assert themed(theme, "", "bg-accent-500 text-cool-200") == {"rose-500": 1, "gray-200": 1}


def test_colors_of_a_single_property_are_colors_too() -> None:
    assert themed("{ extend: { textColor: { ink: '#000' } } }", "", "text-ink") == {"black": 1}


def test_only_what_stands_in_the_theme_is_a_theme_color() -> None:
    page = "<style>@theme inline { --color-sea: var(--s) } :root { --s: #3b82f6; --color-sky: red }</style>"
    assert colors(f'{page}<p class="bg-sea">x</p>') == {"blue-500": 1}
    assert colors(f'{page}<p class="bg-sky">x</p>') == {}


def test_variables_are_followed_over_five_hops_and_no_more() -> None:
    chain = "".join(f"--v{i}: var(--v{i + 1});" for i in range(1, 5)) + "--v5: #f00"
    assert colors(f'<style>:root {{ {chain} }}</style><p class="bg-[var(--v1)]">x</p>') == {"red-500": 1}
    assert colors(f'<style>:root {{ --v0: var(--v1); {chain} }}</style><p class="bg-[var(--v0)]">x</p>') == {}


def test_a_config_is_read_as_data_and_never_run() -> None:
    config = read_config(
        "tailwind.config = { a: (() => { throw 1 })(), 'b-c': [`d`, 2, { e: \"f'\" }], g() { h }, ...i, }"
    )
    assert config == {
        "a": Expression("(()=>{throw1})()"),
        "b-c": ["d", Expression("2"), {"e": "f'"}],
        "...i": Expression("i"),
    }


TAILWINDS = (
    "import twColors, { blue as ocean } from 'tailwindcss/colors'; const { red } = require('tailwindcss/colors');"
)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("export default withMT(config); const config = {T}", {"brand": "#f00"}),
        ("const config = {T}; export { config as default }", {"brand": "#f00"}),
        ("export default <Config>{T}", {"brand": "#f00"}),
        ("export default (({T}) satisfies Config)", {"brand": "#f00"}),
        ("export = {T}", {"brand": "#f00"}),
        ("export default defineConfig(options, {T})", {"brand": "#f00"}),
        ("window['tailwind'].config = {T}", {"brand": "#f00"}),
        ("// tailwind.config = { theme: { colors: { old: 'red' } } }\ntailwind.config = {T}", {"brand": "#f00"}),
        ("log('module.exports = { theme: { colors: { old: 1 } } }'); module.exports = {T}", {"brand": "#f00"}),
        ("const base = {T}; export default { ...base, content: [] }", {"brand": "#f00"}),
        ("const preset = {T}; export default { presets: [preset] }", {"brand": "#f00"}),
        ("export default { theme: { colors: { brand: '#00f', brand: '#f00' } } }", {"brand": "#f00"}),
        ("export default { theme: { colors: { ['brand']: ('#f00' as string) } } }", {"brand": "#f00"}),
        ("export default { theme: { colors: { brand: /* '#00f' */ '#f00'! } } }", {"brand": "#f00"}),
        ("const c = { 'a-b': { 5: '#f00' } }; export default { theme: { colors: { brand: c['a-b'][5] } } }",
         {"brand": "#f00"}),
        ("const c = { brand: '#00f', a: '#0f0' }; export default { theme: { colors: { ...c, brand: '#f00' } } }",
         {"a": "#0f0", "brand": "#f00"}),
        (TAILWINDS + "export default { theme: { colors: { a: twColors.sky[300], b: ocean[500], c: red['700'] } } }",
         {"a": "sky-300", "b": "blue-500", "c": "red-700"}),
        ("import colors from './colors'; export default { theme: { colors: { a: colors.sky[300] } } }", {"a": ""}),
        ("module.exports = { theme: { colors: { a: require('./colors').sky[300] } } }", {"a": ""}),
        ("import d from 'tailwindcss/defaultTheme'; export default { theme: { colors: { a: d.colors.sky[300] } } }",
         {"a": "sky-300"}),
        ("function f() { const c = '#00f' } const c = '#f00'; export default { theme: { colors: { brand: c } } }",
         {"brand": "#f00"}),
    ],
)  # fmt: skip
def test_a_config_is_read_as_the_language_has_it(code: str, expected: dict[str, str]) -> None:
    theme = read_theme([], [code.replace("{T}", "{ theme: { extend: { colors: { brand: '#f00' } } } }")])
    assert (dict(theme.colors), theme.unread) == (expected, ())


@pytest.mark.parametrize(
    ("config", "unread"),
    [
        ("{ ...base, theme: {} }", ("the configuration: ...base",)),
        ("{ theme: { ...base(1), extend } }", ("theme.extend: extend", "theme: ...base(1)")),
        ("{ theme: base.theme }", ("theme: base.theme",)),
        ("{ theme: { colors: { ...shared, brand: { ...b.c } } } }",
         ("theme.colors: ...shared", "theme.colors: brand-...b.c")),
        ("{ theme: { extend: { spacing: { ...a, [b]: 1 }, screens: s, keyframes: k } } }",
         ("theme.extend.spacing: ...a", "theme.extend.spacing: ...[b]", "theme.extend.screens: s")),
        ("{ presets: [require('./preset')], theme: {} }", ("presets: require('./preset')",)),
        ("{ theme: { screens: { ...defaultTheme.screens }, colors: { ...tailwind.colors } } }", ()),
        ("{ theme: { textColor: theme => ({ odd: '#000' }) } }", ("theme.textColor: theme=>({odd:'#000'})",)),
    ],
)  # fmt: skip
def test_what_a_config_takes_from_elsewhere_is_named(config: str, unread: tuple[str, ...]) -> None:
    theme = read_theme([], [f"import defaultTheme from 'tailwindcss/defaultTheme'; export default {config}"])
    assert theme.unread == unread
    assert not any("..." in name for name in (*theme.colors, *theme.additions.words, *theme.additions.variants))


def test_a_page_without_a_config_asks_no_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(code: str) -> None:
        raise AssertionError(f"the parser was asked about {code}")

    monkeypatch.setitem(read_config.__globals__, "read_configuration", asked)
    scripts = ["const theme = localStorage.theme", "export default { data: 1 }", "module.exports = App"]
    assert read_theme([], scripts).colors == {}


@pytest.mark.parametrize(
    "script", ["", "tailwind.config", "tailwind.config = f()", "tailwind.config = x", "config = {a: 1}"]
)
def test_a_script_without_a_config_has_none(script: str) -> None:
    assert read_config(script) == {}


@pytest.mark.parametrize(
    "inside",
    ["{" * 40_000, "a:{" * 30_000, "[" * 40_000, "a:[" * 30_000, "'" * 90_000, "a:`${" * 15_000, "(" * 90_000,
     "a:1," * 20_000, "}" * 90_000, ":" * 90_000, "...a," * 15_000, "/*" * 40_000],
)  # fmt: skip
def test_a_hostile_config_is_read_to_its_end(inside: str) -> None:
    for script in (f"tailwind.config = {{{inside}", f"tailwind.config = {{theme: {{extend: {{colors: {{{inside}"):
        assert len(script) <= MAX_SCRIPT
        assert isinstance(read_config(script), dict)


def test_a_script_of_absurd_length_is_not_read() -> None:
    config = "tailwind.config = {a: 'b'}"
    assert read_config(config.ljust(MAX_SCRIPT)) == {"a": "b"}
    assert read_config(config.ljust(MAX_SCRIPT + 1)) == {}


def test_a_theme_is_bounded() -> None:
    colors = ",".join(f"c{i}: 'red'" for i in range(4_000))
    spacing = ",".join(f"s{i}: '1px'" for i in range(4_000))
    theme = read_theme(
        [
            "@theme { --"
            + "a-" * 500_000
            + ": red;"
            + "".join(f"--color-d{i}: red;--spacing-{i}: 1px;" for i in range(9_000))
            + "}",
            "@theme" * 50_000,
        ],
        [f"tailwind.config = {{theme: {{extend: {{colors: {{{colors}}}, spacing: {{{spacing}}}}}}}}}"],
    )
    assert len(theme.colors) <= MAX_COLORS
    assert len(theme.variables) <= MAX_COLORS
    assert len(theme.additions.words) <= MAX_WORDS + 200
