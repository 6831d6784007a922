"""The scripts of a page: which are read as what, whether they parse, where their errors stand, what they hold."""

import pytest

from scorers import Completion, Language, Outcome, Sample, score_sample
from scorers.html.scripts import MAX_SCRIPTS

REACT = "const App = () => <main className='bg-red-500 p-4'><h1>Hi</h1></main>;"


def _page(*scripts: str, body: str = "<div id='root'></div>") -> str:
    head = "<!doctype html>\n<html lang='en'><head><title>T</title></head>"
    return f"{head}\n<body>{body}\n{''.join(scripts)}</body></html>"


def _score(code: str) -> Sample:
    return score_sample(Completion(code, language=Language.HTML))


def _script(code: str, attributes: str = "") -> str:
    return f"<script {attributes}>{code}</script>\n"


REACT_TYPES = [
    "type='text/babel'",
    "type=text/jsx",
    'type="text/tsx"',
    "type='text/typescript'",
    "type='Text/BABEL'",
    "type='text/babel; version=7'",
    "type='text/babel' data-type='module' data-presets='react,typescript'",
    "TYPE=' text/babel '",
]


@pytest.mark.parametrize("attributes", REACT_TYPES)
def test_react_in_a_script_is_the_page(attributes: str) -> None:
    sample = _score(_page(_script(REACT, attributes)))
    assert (sample.outcome, dict(sample.colors)) == (Outcome.VALID, {"red-500": 1})
    assert [name for name, _ in sample.classes] == ["bg-red-500", "p-4"]
    assert (sample.early_errors, sample.script_errors) == (0, None)


@pytest.mark.parametrize("attributes", REACT_TYPES)
def test_a_broken_component_in_a_script_breaks_the_page_at_its_place(attributes: str) -> None:
    code = _page("<p>before</p>\n", _script("const a = 1;\nconst b = <p>\n  text</q>;", attributes))
    sample = _score(code)
    line = next(number for number, text in enumerate(code.split("\n"), 1) if "const b" in text)
    assert sample.outcome is Outcome.INVALID
    assert [(e.code, e.line, e.column) for e in sample.errors] == [("mismatched_tag", line, 11)]
    assert sample.early_errors is None


def test_the_first_line_of_a_script_counts_from_its_tag() -> None:
    code = _page(_script("let a = <p>x</q>", "type='text/babel'"))
    (error,) = _score(code).errors
    assert code.split("\n")[error.line - 1][error.column - 1 :].startswith("<p>x</q>")


def test_pages_of_different_components_do_not_look_alike() -> None:
    one = _score(_page(_script(REACT, "type='text/babel'")))
    other = _score(_page(_script("const B = () => <table><tr><td>a</td></tr></table>", "type='text/babel'")))
    assert set(one.shape or ()) != set(other.shape or ())


@pytest.mark.parametrize(
    "attributes",
    [
        "",
        "type=''",
        "type='text/javascript'",
        "type='application/javascript'",
        "type='TEXT/JavaScript'",
        "type='module'",
    ],
)
def test_a_script_that_does_not_parse_is_a_script_error_and_the_markup_stays_valid(attributes: str) -> None:
    code = _page(_script("let a = 1\nif (a {\n}", attributes))
    sample = _score(code)
    assert (sample.outcome, sample.script_errors) == (Outcome.VALID, 1)
    assert [(e.code, e.message) for e in sample.errors] == [("script-error", "Unexpected token '{'")]
    assert code.split("\n")[sample.errors[0].line - 1][sample.errors[0].column - 1] == "{"


@pytest.mark.parametrize(
    "attributes",
    [
        "type='application/json'",
        "type='application/ld+json'",
        "type='importmap'",
        "type='speculationrules'",
        "type='x-shader/x-vertex'",
        "src='app.js'",
        "type='module' src='app.js'",
    ],
)
def test_data_and_scripts_elsewhere_are_not_checked(attributes: str) -> None:
    sample = _score(_page(_script("<p class='mt-4'> { no script", attributes)))
    assert (sample.outcome, sample.script_errors, sample.classes) == (Outcome.VALID, None, ())


@pytest.mark.parametrize(
    ("code", "attributes", "errors"),
    [
        ("await load()", "type='module'", 0),
        ("import a from './a.js'; export const b = a", "", 1),
        ("import a from './a.js'; export const b = a; export default async () => { await a }", "type='module'", 0),
        ("export default class {}\nimport.meta.url", "type='module'", 0),
        ("<!-- hidden from old browsers\nvar a = 1\n--> the end", "", 0),
        ("<!-- no comment in a module", "type='module'", 1),
        ("var await = 1, yield = 2, let = 3; with (a) {} 010", "", 0),
        ("const a = <p>no JSX here</p>", "", 1),
        ("let a: number = 1", "", 1),
        ("/(/.test(a)", "", 1),
        ("const s = '<\\/script>'; /[/]/.test(s); a?.b ?? c; class A { #x = 1; static { } }", "", 0),
        ("}); alert(1); (function () {", "", 1),
        ("", "", 0),
    ],
)
def test_scripts_parse_as_browsers_parse_them(code: str, attributes: str, errors: int) -> None:
    assert (_score(_page(_script(code, attributes))).script_errors or 0) == errors


def test_each_script_counts_and_nothing_of_it_is_run() -> None:
    sample = _score(_page(_script("throw new Error('ran'); while (true) {}"), _script("x y"), _script("a b")))
    assert (sample.outcome, sample.script_errors) == (Outcome.VALID, 2)


@pytest.mark.parametrize(
    ("value", "errors"),
    [("go()", 0), ("return false", 0), ("if (a) { b() }", 0), ("go(", 1), ("a b", 1), ("x = &quot;y&quot;", 0)],
)
def test_event_handlers_are_bodies_of_functions(value: str, errors: int) -> None:
    sample = _score(_page(body=f'<button onclick="{value}">a</button>'))
    assert (sample.outcome, sample.script_errors) == (Outcome.VALID, errors)


def test_early_errors_of_scripts_are_told_as_such() -> None:
    scripts = ("let a = 1\nlet a = 2", "return 1", "await load()")
    sample = _score(_page(*map(_script, scripts), _script("var await = 1", "type='module'")))
    assert (sample.script_errors, sample.early_errors) == (0, 4)
    assert [e.code for e in sample.errors] == ["early_redeclared", "early_return", "early_await", "early_reserved_word"]


def test_a_module_exports_what_it_declares() -> None:
    sample = _score(_page(_script("import { a } from 'b'; export { a, c }", "type=module")))
    assert (sample.script_errors, [e.code for e in sample.errors]) == (0, ["early_undefined_export"])


@pytest.mark.parametrize("end", ["", "</html>"])
def test_a_script_that_is_cut_off_has_no_error_of_its_own(end: str) -> None:
    sample = _score("<p>a</p><script type='text/babel'>const a = <p className='p-4'" + end)
    assert {e.code for e in sample.errors} == {"unclosed"}
    assert sample.script_errors is None


def test_more_scripts_than_are_read_are_named() -> None:
    sample = _score(_page("<script>a</script>\n" * (MAX_SCRIPTS + 2)))
    assert [(e.code, e.line) for e in sample.errors] == [("script-too_large", 4 + MAX_SCRIPTS)]


def test_a_broken_script_beside_a_page_is_a_script_error_of_the_page() -> None:
    sample = score_sample(Completion("```html\n<p>a</p>\n```\n\n```js\nconst a = f(\n```\n"))
    assert (sample.outcome, sample.script_errors) == (Outcome.VALID, 1)
    assert [error.code for error in sample.errors] == ["script-ts1005"]


def test_a_script_that_is_too_deep_is_named() -> None:
    sample = _score(_page(_script("(" * 50_000)))
    assert (sample.outcome, [e.code for e in sample.errors]) == (Outcome.VALID, ["script-too_deep"])
