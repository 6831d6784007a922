"""What counts as JSX and TSX that parses."""

import pytest

from scorers.jsx_engine import MAX_CHARACTERS
from scorers.jsx_syntax import check_jsx

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


def test_code_beyond_the_limit_is_not_parsed() -> None:
    assert [issue.code for issue in check_jsx("a" * (MAX_CHARACTERS + 1)).issues] == ["too_large"]
