"""What scripts say of class names, markup and colors."""

import pytest

from scorers import Completion, Language, score_sample


def _classes(script: str) -> list[str]:
    page = f"<!doctype html><html><body><p>a</p><script>{script}</script></body></html>"
    sample = score_sample(Completion(page, language=Language.HTML))
    assert sample.script_errors == 0
    return [name for name, _ in sample.classes]


@pytest.mark.parametrize(
    "script",
    [
        "el.className = 'flex p-4'",
        "el.className += ' flex p-4'",
        "el.classList.add('flex', 'p-4')",
        "el.classList.toggle(open ? 'flex' : 'p-4')",
        "el.classList.replace('flex', 'p-4')",
        "el.setAttribute('class', 'flex p-4 card')",
        "$('#a').addClass('flex p-4').fadeIn()",
        "$('<div class=\"flex p-4\"></div>')",
        "el.innerHTML = '<p class=\"flex p-4\">a</p>'",
        "el.innerHTML = `<p class='flex ${a} text-${b} p-4'>${c}</p>`",
        "el.innerHTML = '<p class=\"flex ' + a + ' p-4\">' + b + '</p>'",
        "el.insertAdjacentHTML('beforeend', `<ul>${a.map((i) => `<li class=\"flex p-4\">${i}</li>`).join('')}</ul>`)",
        'render(html`<p class="flex p-4" @click=${go}>a</p>`)',
        "const STYLES = { badge: 'flex p-4' }",
        "const on = ['flex p-4', 'a']; el.classList.add(...on)",
    ],
)
def test_class_names_that_scripts_set_count(script: str) -> None:
    assert _classes(script) == ["flex", "p-4"]


@pytest.mark.parametrize(
    "script",
    [
        "document.getElementById('order-1'); document.querySelector('.p-4')",
        "if (el.classList.contains('p-4')) {}",
        "el.id = 'order-1'; el.textContent = 'p-4 top-1'",
        "localStorage.getItem('text-sm'); console.log('p-4')",
        "el.className = 'active'; el.classList.add('card')",
        "const text = 'a table is hidden in the grid'",
        "if (size === 'text-sm') {}",
    ],
)
def test_what_is_no_class_name_does_not(script: str) -> None:
    assert _classes(script) == []


def test_a_config_of_tailwind_is_no_use_of_its_names() -> None:
    script = "tailwind.config = { theme: { extend: { animation: { a: 'p-4 2s' }, colors: { brand: '#123456' } } } }"
    assert _classes(script) == []


def test_colors_that_scripts_set_count() -> None:
    script = (
        "el.style.color = '#ff0000'; el.style.backgroundColor = 'blue'; el.style.cssText = 'color: lime';"
        "el.style.setProperty('border-color', '#fff'); el.setAttribute('fill', 'black');"
        "el.setAttribute('style', 'color: teal'); const chart = { borderColor: 'orange', label: 'red' }"
    )
    page = f"<!doctype html><html><body><p>a</p><script>{script}</script></body></html>"
    sample = score_sample(Completion(page, language=Language.HTML))
    assert sample.num_colors == 7


def test_markup_in_scripts_gives_the_page_its_structure() -> None:
    def shape(markup: str) -> tuple[int, ...] | None:
        return score_sample(
            Completion(f"<p></p><script>a.innerHTML = `{markup}`</script>", language=Language.HTML)
        ).shape

    assert shape("<ul><li>a</li><li>b</li></ul>") != shape("<table><tr><td>a</td></tr></table>")


SHEET = ".a { color: #e11d48 } @keyframes x { from { background: #22c55e } to { background: #0ea5e9 } }"


@pytest.mark.parametrize(
    "script",
    [
        f"style.textContent = `{SHEET}`",
        f"style.innerHTML = '{SHEET}'",
        f"const css = '{SHEET}'; sheet.replaceSync('{SHEET}')",
        f"document.head.append(document.createTextNode(`{SHEET} .b {{ top: ${{y}}px }}`))",
        "s.insertRule('.a { color: #e11d48 }'); s.insertRule('.b{background: linear-gradient(#22c55e, #0ea5e9)}')",
    ],
)
def test_style_sheets_that_scripts_write_have_colors(script: str) -> None:
    page = f"<!doctype html><html><body><p>a</p><script>{script}</script></body></html>"
    sample = score_sample(Completion(page, language=Language.HTML))
    assert dict(sample.colors) == {"green-500": 1, "rose-600": 1, "sky-500": 1}


@pytest.mark.parametrize(
    "text", ["f(a) { color: red }", "if (x) { color: red }", "color: red", "{ color: red }", "a < b"]
)
def test_other_texts_are_no_style_sheets(text: str) -> None:
    page = f"<!doctype html><html><body><p>a</p><script>el.textContent = '{text}'</script></body></html>"
    assert score_sample(Completion(page, language=Language.HTML)).colors == ()


@pytest.mark.parametrize("kind", ["text/x-template", "text/template", "text/x-handlebars-template", "text/html"])
def test_templates_in_scripts_are_read_and_not_judged(kind: str) -> None:
    template = "<div class='p-4 {{ a }} bg-rose-600'>{{#if b}}<p style='color: #22c55e'>c{{/if}}"
    page = f"<!doctype html><html><body><p>a</p><script type='{kind}'>{template}</script></body></html>"
    sample = score_sample(Completion(page, language=Language.HTML))
    assert (sample.syntax_valid, sample.script_errors) == (True, None)
    assert [name for name, _ in sample.classes] == ["bg-rose-600", "p-4"]
    assert dict(sample.colors) == {"green-500": 1, "rose-600": 1}


def test_theme_names_count_in_markup_that_scripts_write() -> None:
    page = "<style>:root{{ --color-primary-dark: #e11d48 }}</style><p>a</p>{}"
    markup = "<b class='bg-primary-dark hover:text-brand-600'>x</b>"
    inside = score_sample(Completion(page.format(markup), language=Language.HTML))
    written = score_sample(
        Completion(page.format(f"<script>a.innerHTML = `{markup}`</script>"), language=Language.HTML)
    )
    assert (
        (inside.colors, inside.unresolved_colors)
        == (written.colors, written.unresolved_colors)
        == ((("rose-600", 1),), 1)
    )
