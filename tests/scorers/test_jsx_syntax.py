"""What counts as JSX and TSX that parses."""

import pytest

from scorers.jsx.check import check_jsx, react_lint

VALID = {
    "component": "export default function A() { return (<div className='a'><br /></div>) }",
    "types": "type P = { a: string & {} }\nexport const A = ({ a }: P) => <p>{a as string}</p>",
    "generics": "const a = useState<string | null>(null); const b = <T,>(x: T) => <i>{x}</i>",
    "bare ampersand": "const a = <p>Food & Drink, R&D &amp; more</p>",
    "logical and": "const a = <>{b && c && <i/>}</>",
    "bitwise and": "let a = 1; a &= 2; a &&= 3; const b = a & 1",
    "fragments": "const a = <><b/>text<></></>",
    "member names": "const a = <A.B><motion.div></motion.div></A.B>",
    "adjacent elements": "<div>a</div>\n<p>b</p>",
    "single element": "<div>a</div>",
    "comment first": "{/* a */}\n<div>b</div>\n<p/>",
    "template literal": "const a = <p className={`p-4 ${b ? 'c' : ''}`} />",
    "use client": '"use client"\nimport a from "b"\nexport default () => <a.c />',
    "html attributes": '<p class="a" style="b" onclick="c()">d</p>',
}

BROKEN = {
    "unclosed": ("const a = <div><p>b</p>", 1),
    "typo in the closing tag": ("const a = <div>b</dvi>", 1),
    "misnested": ("const a = <b><i>c</b></i>", 1),
    "fragment closed by a name": ("const a = <><b></b></c>", 1),
    "void element without slash": ("const a = <div>\n<br>\n</div>", 2),
    "html comment": ("const a = <div><!-- b --></div>", 1),
    "bare brace in text": ("const a = <p>b } c</p>", 1),
    "unclosed expression": ("const a = <p>{b</p>", 1),
    "cut function": ("export default function A() {\n  return (\n    <div>", 3),
    "no value": ("const x = = 3", 1),
    "prose": ("Here is the component you asked for.", 1),
}


@pytest.mark.parametrize("code", VALID.values(), ids=VALID)
def test_code_that_compilers_accept_is_valid(code: str) -> None:
    assert check_jsx(code).issues == ()


@pytest.mark.parametrize(("code", "last_line"), BROKEN.values(), ids=BROKEN)
def test_code_that_compilers_reject_is_broken_with_a_place(code: str, last_line: int) -> None:
    issues = check_jsx(code).issues
    assert issues
    assert all(1 <= issue.position.line <= last_line and issue.position.column >= 1 for issue in issues)


def test_a_mismatch_names_both_tags() -> None:
    (issue,) = check_jsx("const é = (\n  <li>é\n  </ul>\n)").issues
    assert (issue.position.line, issue.position.column) == (2, 3)
    assert issue.message == "`<li>` opened here is closed by `</ul>` at line 3"


def test_columns_count_characters_not_bytes() -> None:
    (issue,) = check_jsx("const é = 'ü😀', b = <i>x</u>").issues
    assert issue.position.column == "const é = 'ü😀', b = <i>".index("<i>") + 1


@pytest.mark.parametrize(
    ("code", "issues"),
    [
        ("<ul>\n  <li>a\n</ul>", [("unclosed", 2, 3, "`<li>` opened here is never closed")]),
        ("<>\n</p>", [("mismatched_tag", 1, 1, "`<>` opened here is closed by `</p>` at line 2")]),
        ("<A.B>\n</A.C>", [("mismatched_tag", 1, 1, "`<A.B>` opened here is closed by `</A.C>` at line 2")]),
        ("<p>a } b</p>", [("ts1381", 1, 6, "Unexpected token. Did you mean `{'}'}` or `&rbrace;`?")]),
        ("const a = f(b", [("ts1005", 1, 14, "')' expected")]),
    ],
)
def test_issues_say_what_is_wrong_and_where(code: str, issues: list[tuple[str, int, int, str]]) -> None:
    found = [(i.code, i.position.line, i.position.column, i.message) for i in check_jsx(code).issues]
    assert found[: len(issues)] == issues


@pytest.mark.parametrize(
    "code",
    [
        "const a = <b/><i/>",
        "import a from 'a'\n<b/>\n<i/>",
        "Some <b/> words <i/>",
        "<b/>\n<i/>\n}",
        "// a\n<b/> } <i/>",
    ],
)
def test_only_bare_adjacent_elements_are_taken_for_a_fragment(code: str) -> None:
    assert check_jsx(code).issues


def test_a_comment_may_stand_before_adjacent_elements() -> None:
    assert check_jsx("// it's {\n/* <p> */ <b/>\n<i/>").valid


SOFT = {
    "<p class='a' />": "class_attribute",
    "<label for='a' />": "attribute_name",
    "<path stroke-width={2} />": "attribute_name",
    "<p style='color: red' />": "style_string",
    "<p onclick={a} />": "event_name",
    "<p onClick='a()' />": "event_string",
    "<A b={1} b={2} />": "duplicate_prop",
    "<A b={} />": "empty_expression",
    "<br>a</br>": "void_children",
}


@pytest.mark.parametrize(("code", "rule"), SOFT.items())
def test_what_react_refuses_is_soft_and_has_a_name(code: str, rule: str) -> None:
    verdict = check_jsx(f"const a = {code}")
    assert (verdict.valid, verdict.soft) == (True, 1)
    (issue,) = react_lint(f"const a = {code}")
    assert (issue.code, issue.position.line) == (rule, 1)


@pytest.mark.parametrize(
    "code",
    [
        "<p className='a' htmlFor='b' style={{}} onClick={f} data-a='b' aria-b='c' tabIndex={0} />",
        "<A class='a' for='b' style='c' onclick='d' my-b='e' />",
        "<my-icon class='a' stroke-width='b' onclick='c' />",
        "<img src='a'></img>",
    ],
)
def test_react_itself_components_and_custom_elements_are_left_alone(code: str) -> None:
    assert check_jsx(f"const a = {code}").soft == 0
