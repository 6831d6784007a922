"""Whether a page is light or dark."""

import pytest

from scorers import Completion, Language, given_theme, score_sample

BODIES = {
    "nothing": ("<body><p>x</p></body>", "light"),
    "body": ("<body class='bg-gray-900'><p>x</p></body>", "dark"),
    "dark variant": ("<body class='bg-gray-50 dark:bg-gray-900 hover:bg-black'><p>x</p></body>", "light"),
    "wrapper over the body": ("<body class='bg-white'><div class='min-h-screen bg-slate-950'>x</div></body>", "dark"),
    "a bar is no page": ("<body><nav class='bg-gray-900'>x</nav><main class='bg-white'>y</main></body>", "light"),
    "outermost": ("<body><div class='bg-gray-900'>x</div></body>", "dark"),
    "gradient": ("<body class='bg-gradient-to-br from-slate-900 via-purple-900 to-slate-900'>x</body>", "dark"),
    "light gradient": ("<body class='bg-linear-to-r from-blue-50 to-indigo-100'>x</body>", "light"),
    "style": ("<body style='background: #000'>x</body>", "dark"),
    "thin": ("<body><div class='min-h-screen bg-black/10'>x</div></body>", "light"),
    "worn dark": ("<body class='dark bg-white dark:bg-gray-900'>x</body>", "dark"),
    "defined elsewhere": ("<body class='bg-background'>x</body>", ""),
}
SHEETS = {
    "body": ("body { font: x; background: #0f172a }", "dark"),
    "variable": (":root { --bg: #0b0b0b } html, body { background-color: var(--bg) }", "dark"),
    "class": (".page { background: linear-gradient(#111, #333) }", "dark"),
    "apply": (":root { --background: 0 0% 5% } body { @apply bg-background text-foreground; }", "dark"),
    "media": ("@media (prefers-color-scheme: dark) { body { background: #000 } } body { background: #fff }", "light"),
    "unclosed": ("body { background: #000", "light"),
}
CODE = {
    "root": ("export default () => <div className='min-h-screen bg-gray-950'><p className='bg-white' /></div>", "dark"),
    "last": ("const C = () => <p className='bg-white' />; const P = () => <main className={cn('bg-black')} />", "dark"),
    "constant": ("const C = { bg: '#0a0a0a' }; const P = () => <div style={{ background: C.bg }} />", "dark"),
    "style object": ("const s = { a: { backgroundColor: '#fff' } }; const P = () => <div style={s.a} />", "light"),
    "fragment": ("const P = () => <><header className='bg-black' /><main className='bg-gray-50' /></>", "light"),
    "template": ("const P = () => <div className={`min-h-screen bg-gray-900 ${x}`} />", "dark"),
    "layout": ("const L = ({ c }) => <html><body className='bg-zinc-950'>{c}</body></html>", "dark"),
    "no background": ("const P = () => <div className='p-4'><i className='bg-black' /></div>", ""),
    "a control": ("const B = () => <button className='bg-black' />", ""),
    "defined elsewhere": ("const P = () => <div className='min-h-screen bg-background' />", ""),
}  # fmt: skip


def lightness(code: str, language: Language = Language.HTML) -> str:
    return score_sample(Completion(code, language=language)).lightness


def document(body: str, css: str = "") -> str:
    return f"<!doctype html><html lang='en'><head><title>t</title><style>{css}</style></head>{body}</html>"


@pytest.mark.parametrize(("body", "expected"), BODIES.values(), ids=BODIES)
def test_the_main_background_decides(body: str, expected: str) -> None:
    assert lightness(document(body)) == expected


@pytest.mark.parametrize(("css", "expected"), SHEETS.values(), ids=SHEETS)
def test_the_pages_own_css_is_read(css: str, expected: str) -> None:
    assert lightness(document("<body class='page'><p>x</p></body>", css)) == expected


@pytest.mark.parametrize(("code", "expected"), CODE.values(), ids=CODE)
def test_components_have_a_background_too(code: str, expected: str) -> None:
    assert lightness(code, Language.TSX) == expected


def test_a_fragment_is_known_by_its_outermost_element() -> None:
    assert lightness("<section class='bg-gray-900'><div class='bg-white'>x</div></section>") == "dark"
    assert lightness("<div class='p-4'><div class='bg-gray-900'>x</div></div>") == ""


def test_a_page_that_wears_dark_has_the_dark_variables() -> None:
    css = ":root { --background: #fff } .dark { --background: 0 0% 5% } body { @apply bg-background }"
    page = document("<body><p>x</p></body>", css)
    assert lightness(page) == "light"
    assert lightness(page.replace("<html lang", "<html class='dark' lang")) == "dark"


def test_a_document_whose_css_lies_elsewhere_is_unknown() -> None:
    assert lightness("<html><head><link rel=stylesheet href=app.css></head><body><p>x</p></body></html>") == ""


def test_a_given_theme_says_what_a_name_means() -> None:
    page = Completion("<main class='bg-background'>x</main>", language=Language.HTML)
    assert score_sample(page, theme=given_theme(["shadcn"])).lightness == "light"
