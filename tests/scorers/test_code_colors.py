"""Colors that code keeps in constants, objects, arrays and palettes: each use counts, and what is no use does not."""

import pytest

from scorers import Completion, Language, score_sample
from scorers.language import LANGUAGES
from scorers.measures.classes import count_classes
from scorers.measures.colors import count_colors
from scorers.page import make_page

RED, BLUE = "#ef4444", "#3b82f6"
# `#R` and `#B` stand for a red and a blue.
ROWS = {
    "constant": ("const A = '#R'; <p style={{ color: A, background: A }} />", "rr"),
    "object": ("const C = { a: '#R', b: { c: '#B' } }; <p style={{ color: C.a, background: C.b.c }} />", "rb"),
    "key as text": ("const C = { a: '#R' }; <p style={{ color: C['a'] }} />", "r"),
    "dynamic key": ("const C = { a: '#R', b: '#B' }; <p style={{ color: C[x] }} />", "rb"),
    "array": ("const A = ['#R', '#B']; d.map((e, i) => <Cell fill={A[i % A.length]} />)", "rb"),
    "element": ("const A = ['#R', '#B']; <Cell fill={A[1]} stroke={A[0]} />", "rb"),
    "map": ("const A = ['#R', '#B']; A.map((c) => <i style={{ background: c }} />)", "rb"),
    "map of objects": ("const A = [{ n: 'x', hex: '#R' }]; A.map((a) => <i style={{ color: a.hex }} />)", "r"),
    "map of parts": ("const A = [{ hex: '#R' }]; A.map(({ hex }) => <i style={{ color: hex }} />)", "r"),
    "values": ("const C = { a: '#R' }; Object.values(C).map((c) => <i style={{ color: c }} />)", "r"),
    "entries": ("const C = { a: '#R' }; Object.entries(C).map(([k, c]) => <i style={{ color: c }} />)", "r"),
    "loop": ("const A = ['#R']; for (const c of A) f(<i style={{ color: c }} />)", "r"),
    "spread": ("const A = { a: '#R' }; const B = { ...A, b: '#B' }; <p style={{ color: B.a, fill: B.b }} />", "rb"),
    "as const": ("const A = { a: '#R' } as const; <p style={{ color: A.a }} />", "r"),
    "condition": ("const A = '#R', B = '#B'; <p style={{ color: on ? A : B }} />", "rb"),
    "default": ("const A = '#R'; <p style={{ color: c || A, background: c ?? '#B' }} />", "rb"),
    "template": ("const A = '#R', B = '#B'; <p style={{ background: `linear-gradient(1deg, ${A}, ${B})` }} />", "rb"),
    "alpha": ("const A = '#R'; <p style={{ color: `${A}80`, background: A + '20' }} />", "rr"),
    "state": ("const [c, set] = useState('#R'); <p style={{ color: c }} />", "r"),
    "function": ("function f(s) { if (s) return '#R'; return '#B' } <p style={{ color: f(1) }} />", "rb"),
    "short form": ("const color = '#R'; <p style={{ color }} />", "r"),
    "declared below": ("const P = () => <p style={{ color: A }} />; const A = '#R'", "r"),
    "same name": ("const c = '#R'; const F = (c) => <p style={{ color: c }} />; <p style={{ fill: c }} />", "r"),
    "inner scope": ("const c = '#R'; function F() { const c = '#B'; return <p style={{ color: c }} /> }", "rb"),
    "data with a color": ("const A = [{ color: '#R' }]; A.map((a) => <i style={{ color: a.color }} />)", "r"),
    "style objects": ("const s = { box: { color: '#R' } }; <p style={s.box} /><p style={s.box} />", "r"),
    "styled component": ("const A = '#R'; const B = styled.b`color: ${A}; fill: ${(p) => (p.on ? '#B' : A)};`", "rrb"),
    "css in css": ("const B = styled.b`${(p) => p.on && css`color: #R;`}`", "r"),
    "style element": ("const A = '#R'; <style>{`b { color: ${A} } i { color: #B }`}</style>", "rb"),
    "set markup": ("<p dangerouslySetInnerHTML={{ __html: '<p style=color:#R class=bg-blue-500>' }} />", "rb"),
    "set css": ("const css = 'b { color: #R }'; <style dangerouslySetInnerHTML={{ __html: css }} />", "r"),
    "palette": ("createTheme({ palette: { a: { main: '#R' } } }); <A color='a' sx={{ bgcolor: 'a.main' }} />", "rr"),
    "palette nobody names": ("createTheme({ palette: { primary: { main: '#R' } } })", "r"),
    "theme object": ("const theme = { colors: { a: '#R' } }; styled.b`color: ${(p) => p.theme.colors.a}`", "r"),
    "flat theme": ("const theme = { a: '#R' }; styled.b`color: ${(p) => p.theme.a}; fill: ${p => p.theme.a}`", "rr"),
    "chart": ("const c = { a: { label: 'A', color: '#R' } }; <Bar fill='var(--color-a)' />", "rr"),
    "canvas": ("ctx.fillStyle = '#R'; el.style.background = 'blue'", "rb"),
    "prop": ("<Globe options={{ tint: '#R' }} shades={['#B']} />", "rb"),
    "gradient in a constant": ("const G = 'linear-gradient(90deg, #R, #B)'; export default G", "rb"),
    "variable": ("<p style={{ '--brand': '#R' }} className='bg-[var(--brand)] text-(--brand)' />", "rr"),
    "chakra": ("<Box bg='blue.500' color='red.500' />", "rb"),
}  # fmt: skip


def counted(code: str) -> str:
    """The colors as letters: red, blue, green, `?` for unresolved ones."""
    sample = score_sample(Completion(code, language=Language.TSX))
    counts = {**dict(sample.colors), "?": sample.unresolved_colors}
    return "".join(sorted(name[0] * count for name, count in counts.items()))


@pytest.mark.parametrize(("code", "expected"), ROWS.values(), ids=ROWS)
def test_a_color_in_code_counts_where_it_is_used(code: str, expected: str) -> None:
    assert counted(code.replace("#R", RED).replace("#B", BLUE)) == "".join(sorted(expected))


@pytest.mark.parametrize(
    "code",
    [
        "<a href='#add' id='#123456'>red #ff0000</a>",
        "const links = [{ href: '#facade', label: '#ff0000', id: '#abcdef' }]",
        "const words = ['red', 'tan', 'blue', '#add', '#bad', 'rgb', 'transparent']",
        "const n = { primary: 'red' }; if (kind === '#ff0000') f(n)",
        "// const C = '#ff0000'\n<p>{/* '#ff0000' */}</p>",
        "const c = 'none'; <p style={{ color: c, background: 'transparent', fill: props.fill }} />",
        "import { red } from './x'; type A = '#ff0000'",
        "const id = `#${n}`; <p style={{ color: id }} />",
    ],
)
def test_what_only_looks_like_a_color_in_code_is_none(code: str) -> None:
    assert counted(code) == ""


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("<p style={{ color: theme.palette.primary.main }} />", "?"),
        ("<p style={{ background: alpha(theme.palette.error.light, 0.2) }} />", "?"),
        ("<A color='primary' sx={{ color: 'text.secondary' }} />", "??"),
        ("styled.b`color: ${({ theme }) => theme.colors.brand}`", "?"),
        ("<p style={{ color: 'var(--brand)', boxShadow: 'var(--lift)', borderColor: 'hsl(var(--line))' }} />", "??"),
        ("const config = { a: { color: 'hsl(var(--chart-1))' } }", "?"),
    ],
)
def test_a_color_that_is_defined_elsewhere_is_unresolved(code: str, expected: str) -> None:
    assert counted(code) == expected


IMPORTS = {
    "member": ("import { C } from './c'; <p style={{ color: C.a }} />", "r"),
    "renamed": ("import { C as D } from './c'; <p style={{ color: D.a, background: D.a }} />", "rr"),
    "namespace": ("import * as T from './c'; <p style={{ color: T.C.b }} />", "b"),
    "index": ("import { LIST } from './c'; <i fill={LIST[n]} stroke={LIST[1]} />", "rbb"),
    "template": ("import { C } from './c'; styled.b`color: ${C.a}`", "r"),
    "own one of the name": ("import { C } from './c'; const F = (C) => <p style={{ color: C.a }} />", ""),
    "of each": ("import { LIST } from './c'; LIST.map((c) => <i fill={c} />)", "rb"),
    "part of each": ("import { ITEMS } from './c'; ITEMS.filter(on).map(({ tint }) => <i fill={tint} />)", "rb"),
    "in its place": ("import { PLACED } from './c'; PLACED.map((i) => <i fill={i.bg} />)", "rb"),
    "a word": ("import { C } from './c'; <i fill={C.w} />", "r"),
    "not in the answer": ("import { C } from './c'; <p style={{ color: C.z }} />", "?"),
}


@pytest.mark.parametrize(("code", "expected"), IMPORTS.values(), ids=IMPORTS)
@pytest.mark.parametrize("language", [Language.TS, Language.TSX])
def test_colors_are_followed_into_the_other_files_of_an_answer(code: str, expected: str, language: Language) -> None:
    constants = (
        f"export const C = {{ a: '{RED}', b: '{BLUE}', w: 'red' }} as const; export const LIST = ['{RED}', '{BLUE}'];"
        f"export const ITEMS = [{{ label: 'tan', tint: '{RED}' }}, {{ label: 'b', tint: '{BLUE}' }}];"
    )
    if "PLACED" in code:
        constants = f"export const PLACED = [{{ bg: '{RED}' }}, {{ bg: '{BLUE}' }}]"
    files = [LANGUAGES[Language.TSX].read(code).contents, LANGUAGES[language].read(constants).contents]
    page = make_page(files)
    found = count_colors(page, count_classes(page))
    counts = {**found.tokens, "?": found.unresolved}
    own = "".join(sorted(name[0] * count for name, count in counts.items()))
    if language is Language.TS:
        assert own == "".join(sorted(expected))
    else:
        # What nobody imports of a component's file counts once, where it stands.
        assert set(own) >= {"r", "b"}


def test_a_long_style_sheet_is_read_whole() -> None:
    filler = ".a { margin: 0 }\n" * 500
    code = f"const A = '{RED}'; const P = () => <div><style>{{`{filler} b {{ color: ${{A}} }}`}}</style></div>"
    assert counted(code) == "r"
    assert counted(code.replace("<style>", "<style jsx>").replace("{`", "{css`")) == "r"
    assert counted(f"const S = styled.div`{filler} color: {BLUE};`") == "b"
    assert (
        counted(f"<p dangerouslySetInnerHTML={{{{ __html: `{'<i>x</i>' * 500}<b style='color:{RED}'>` }}}} />") == "r"
    )


@pytest.mark.parametrize(
    "code",
    [
        "const a = b, b = a; <p style={{ color: a }} />",
        "const a = [...a, ...a]; <p style={{ color: a[i] }} />",
        "const a = { ...a }; <p style={{ color: a.b }} />",
        "function f() { return f() } <p style={{ color: f() }} />",
        "".join(f"const a{n} = [...a{n + 1}, ...a{n + 1}];" for n in range(60)) + "<p style={{ color: a0[i] }} />",
        "".join(f"const a{n} = `${{a{n + 1}}}${{a{n + 1}}}`;" for n in range(60)) + "<p style={{ color: a0 }} />",
        "const c = 1;" * 3_000 + "<p style={{ color: c }} />" * 3_000,
        "const A = {"
        + "".join(f"k{n}: '#ff0000'," for n in range(5_000))
        + "};"
        + "<p style={{ color: A[k] }} />" * 500,
    ],
)
def test_names_that_lead_nowhere_end(code: str) -> None:
    assert score_sample(Completion(code, language=Language.TSX)).num_colors >= 0


def test_colors_of_a_script_beside_a_page_count_as_in_the_page() -> None:
    page, script = (
        "<!doctype html><title>t</title><canvas id=c></canvas>",
        f"burst('{RED}'); const F = ['{BLUE}']; go(F)",
    )
    inside = Completion(f"{page}<script>{script}</script>", language=Language.HTML)
    beside = Completion(f"```html\n{page}<script src=app.js></script>\n```\n\n`app.js`\n```js\n{script}\n```")
    found = [score_sample(completion) for completion in (inside, beside)]
    assert [len(sample.colors) for sample in found] == [2, 2]
    assert found[0].colors == found[1].colors


LIBRARIES = {
    "<Button colorScheme='purple' />": {"purple-500": 1},
    "<Button colorPalette='pink' />": {"pink-500": 1},
    "<Button colorScheme={ok ? 'teal' : 'orange'} />": {"orange-500": 1, "teal-500": 1},
    "<Text bgGradient='linear(to-r, teal.500, #ef4444)' />": {"red-500": 1, "teal-500": 1},
    "<Box bgGradient='to-r' gradientFrom='teal.500' gradientTo='sky.300' />": {"sky-300": 1, "teal-500": 1},
    # CSS's own purple is none of Tailwind's.
    "<path fill='purple' />": {"fuchsia-900": 1},
    "extendTheme({ colors: { brand: { 500: '#ef4444' } } }); <Button colorScheme='brand' />": {"red-500": 1},
}


@pytest.mark.parametrize(("code", "expected"), LIBRARIES.items())
def test_families_and_gradients_of_libraries_of_components(code: str, expected: dict[str, int]) -> None:
    sample = score_sample(Completion(code, language=Language.TSX))
    assert (dict(sample.colors), sample.unresolved_colors) == (expected, 0)
