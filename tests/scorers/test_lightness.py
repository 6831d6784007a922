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
    "under a dialog": ("<body class='bg-white'><div class='fixed inset-0 bg-black/60'>x</div><p>y</p></body>", "light"),
    "under a dialog of old": ("<body><div class='fixed inset-0 bg-black bg-opacity-75'>x</div></body>", "light"),
    "ornament": ("<body class='bg-white'><div class='absolute inset-0 bg-slate-900'></div>x</body>", "light"),
    "behind all": ("<body class='bg-white'><div class='fixed inset-0 -z-10 bg-slate-900'></div>x</body>", "dark"),
    "hardly seen": ("<body class='bg-black'><div class='h-screen -z-10 opacity-10 bg-white'>x</div></body>", "dark"),
    "nothing but a cover": ("<body><div class='fixed inset-0 bg-slate-900'>x</div></body>", "dark"),
    "faint": ("<body class='bg-black'><div class='min-h-screen bg-white/[0.05]'>x</div></body>", "dark"),
    "wrapper after a bar": ("<body><nav>x</nav><main class='min-h-screen bg-gray-900'>y</main></body>", "dark"),
    "hero": ("<body class='bg-white'><nav>x</nav><section class='h-screen bg-gray-900'>y</section></body>", "light"),
    "sidebar": ("<body class='bg-white'><div class='w-64 h-screen bg-gray-900'>y</div></body>", "light"),
    "tall, not high": ("<body class='bg-white'><p>x</p><div class='max-h-screen bg-gray-900'>y</div></body>", "light"),
}
SHEETS = {
    "body": ("body { font: x; background: #0f172a }", "dark"),
    "variable": (":root { --bg: #0b0b0b } html, body { background-color: var(--bg) }", "dark"),
    "class": (".page { background: linear-gradient(#111, #333) }", "dark"),
    "apply": (":root { --background: 0 0% 5% } body { @apply bg-background text-foreground; }", "dark"),
    "media": ("@media (prefers-color-scheme: dark) { body { background: #000 } } body { background: #fff }", "light"),
    "another medium": ("@media print { body { background: #fff } } body { background: #000 }", "dark"),
    "the last one": (
        "body { background: #fff } body { background: #111; background: linear-gradient(#000, #111) }",
        "dark",
    ),
    "more specific": ("body.page { background: #000 } body { background: #fff }", "dark"),
    "an id": ("#app { background: #000 }", "dark"),
    "not worn": ("body.dark-mode { background: #000 } .dark body { background: #000 }", "light"),
    # CSS closes what is open at the end.
    "unclosed": ("body { background: #000", "dark"),
}
DIALOG = "const M = () => <div className='fixed inset-0 bg-black/50' />"
BODY = "<body className='bg-white dark:bg-black' />"
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
    "dialog": (f"{DIALOG}; const P = () => <main className='bg-white'><M /></main>", "light"),
    "sidebar": ("const P = () => <div className='bg-white'><div className='w-64 h-screen bg-black' /></div>", "light"),
    "provider": (f"const L = () => <>{BODY}<ThemeProvider defaultTheme='dark' /></>", "dark"),
    "other provider": (f"const L = () => <>{BODY}<ThemeProvider defaultTheme='system' /></>", "light"),
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
    assert lightness(document("<body class='page' id='app'><p>x</p></body>", css)) == expected


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


SWITCHES = (
    "<html class='dark'",
    "<html data-theme='dark'",
    "<html data-bs-theme=dark",
    "<html data-color-scheme='dark'",
)


@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("rule", ["{} {{ --bg: #000 }}", "{} body {{ background: #000 }}", ":root{} {{ --bg: #111 }}"])
def test_a_page_that_says_that_it_is_dark_is_dark(switch: str, rule: str) -> None:
    selector = f".{'dark'}" if "class" in switch else f"[{switch.split()[1]}]"
    css = ":root { --bg: #fff } body { background: var(--bg) } " + rule.format(selector)
    page = document("<body><p>x</p></body>", css)
    assert lightness(page) == "light"
    assert lightness(page.replace("<html", switch)) == "dark"


def test_dark_names_of_a_given_theme_hold_for_dark_pages() -> None:
    theme, code = (
        given_theme(["shadcn"]),
        "const L = () => <html className='dark'><body className='bg-background' /></html>",
    )
    dark = score_sample(Completion(code, language=Language.TSX), theme=theme)
    light = score_sample(Completion(code.replace("dark", "font-sans"), language=Language.TSX), theme=theme)
    own = "<html class='dark'><style>:root{--background: #fff}</style><body class='bg-background'>x</body></html>"
    assert (dark.lightness, light.lightness) == ("dark", "light")
    assert score_sample(Completion(own, language=Language.HTML), theme=theme).lightness == "light"


def test_what_a_script_writes_is_the_page() -> None:
    markup = "<div class='min-h-screen bg-slate-950'>x</div>"
    for script in (f"app.innerHTML = `{markup}`", f"createApp({{ template: `{markup}` }})"):
        assert lightness(document(f"<body><div id=app></div><script>{script}</script></body>")) == "dark"
    assert lightness(document("<body><script>a.innerHTML = `<p class='bg-black'>x</p>`</script></body>")) == "light"


ROOT_SHEETS = (
    ("body { margin: 0; background: #0f172a }", "dark"),
    (
        ":root { color-scheme: light dark; background-color: #242424 } @media print { :root { background: #fff } }",
        "dark",
    ),
    ("@layer base { body { @apply bg-slate-950 } }", "dark"),
    ("html, body { background: #fff }", "light"),
    (".other { background: #000 }", ""),
)


@pytest.mark.parametrize(("css", "expected"), ROOT_SHEETS)
def test_a_style_sheet_beside_a_component_says_what_the_page_is(css: str, expected: str) -> None:
    for fence, code in (("tsx", "() => <p>x</p>"), ("tsx", "() => <App />"), ("html", "<p class='p-4'>x</p>")):
        answer = f"```{fence}\n{code}\n```\n\n```css\n{css}\n```"
        assert score_sample(Completion(answer)).lightness == expected
    assert (
        score_sample(Completion(f"```vue\n<template><p>x</p></template><style>{css}</style>\n```")).lightness
        == expected
    )


@pytest.mark.parametrize("form", ["```vue\n<template>{}</template>\n```", "```svelte\n{}\n```", "```html\n{}\n```"])
def test_a_style_of_plain_text_counts_in_every_language(form: str) -> None:
    markup = "<div style='background: #000; min-height: 100vh'><p>x</p></div>"
    assert score_sample(Completion(form.format(markup))).lightness == "dark"
