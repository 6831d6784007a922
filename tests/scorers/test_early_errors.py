"""What TypeScript's parser accepts and every engine refuses, and what only looks like it."""

import pytest
from py_mini_racer import JSEvalException

from scorers import Completion, Language, Outcome, score_sample
from scorers.jsx import v8
from scorers.jsx.check import check_jsx
from scorers.jsx.engine import SourceKind


def _early(code: str, kind: SourceKind = SourceKind.TSX) -> list[str]:
    verdict = check_jsx(code, kind)
    assert verdict.valid
    assert verdict.early_errors is not None
    return [issue.code.removeprefix("early_") for issue in verdict.early_errors]


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("redeclared", "const [a, b] = useState(); const [c, b] = useState()"),
        ("redeclared", "export const A = () => { const x = 1; return <p>{x}</p>; const x = 2 }"),
        ("redeclared", "export {}; function Card() {} function Card() {}"),
        ("redeclared", "const Card = () => 1; function Card() {}"),
        ("redeclared", "class A {} const A = 1"),
        ("redeclared", "enum A {} class A {}"),
        ("redeclared", "import React from 'react'; import React, { useState } from 'react'"),
        ("redeclared", "import { useState } from 'react'; const useState = 1"),
        ("redeclared", "let a; { var a }"),
        ("redeclared", "{ { var a } let a }"),
        ("redeclared", "function f(a) { let a }"),
        ("redeclared", "try {} catch (e) { let e }"),
        ("redeclared", "switch (1) { case 1: let a; case 2: let a }"),
        ("redeclared", "for (let i of []) { var i }"),
        ("redeclared", "class C { #x; #x }"),
        ("duplicate_parameter", "const f = (a, { a }) => 1"),
        ("const_without_value", "const a"),
        ("const_without_value", "export const a: number"),
        ("undefined_export", "const a = 1; export { a, b }"),
        ("duplicate_export", "export default 1; export default 2"),
        ("duplicate_export", "export const a = 1; export { a }"),
        ("return", "if (1) { return null }"),
        ("await", "const f = () => { await 1 }"),
        ("await", "async () => { [1].map((x) => await x) }"),
        ("await", "function f() { for await (const a of b) {} }"),
        ("yield", "function f() { yield 1 }"),
        ("break", "[1].forEach((x) => { if (x) break })"),
        ("continue", "switch (1) { case 1: continue }"),
        ("label", "a: { continue a }"),
        ("duplicate_label", "a: { a: for (;;) {} }"),
        ("super", "function f() { super.a }"),
        ("super_call", "class C { constructor() { super() } }"),
        ("new_target", "() => new.target"),
        ("assignment_target", "a() = 1"),
        ("assignment_target", "a?.b = 1"),
        ("private_name", "class C { m() { this.#x } }"),
        ("delete_private", "class C { #x; m() { delete this.#x } }"),
        ("duplicate_constructor", "class C { constructor() {} constructor() {} }"),
        ("module_item", "function f() { export const a = 1 }"),
        ("module_item", "if (1) { import a from 'x' }"),
        ("duplicate_proto", "({ __proto__: 1, '__proto__': 2 })"),
        ("delete_name", "export {}; delete a"),
        ("strict_name", "export {}; eval = 1"),
        ("reserved_word", "export {}; let package"),
        ("statement", "if (1) let a"),
        ("rest", "function f(...a, b) {}"),
        ("shorthand_value", "f({ b = 1 })"),
        ("mixed_operators", "a ?? b || c"),
        ("arguments", "class C { a = arguments }"),
    ],
)
def test_what_every_engine_refuses_is_named(rule: str, code: str) -> None:
    assert _early(code) == [rule]


@pytest.mark.parametrize(
    "code",
    [
        "interface A {} class A {}",
        "interface A {} const A = 1",
        "type A = 1; const A = 1; export { A }",
        "import type { A } from 'x'; const A = 1",
        "import { Toast } from './types'; const Toast = 1",
        "export function f(): void; export function f(a?: string): void {}",
        "export default function f(): void; export default function f(a?: string): void {}",
        "function A() {} namespace A { export const a = 1 }",
        "enum A { a } enum A { b = 1 }",
        "declare const a: number; declare function a(): void",
        "abstract class A { abstract m(): void; constructor(); constructor(a?: string) {} }",
        "class A { get #x() { return 1 } set #x(v) {} }",
        "var a; var a; function f() {} function f() {}",
        "function f(a) { var a; { let a } }",
        "try {} catch (e) { var e }",
        "const x = function a() { let a }; class B { m() { let B } }",
        "for (let i of []) { let i } for (let i of []) {}",
        "const a = 1; a = 2",
        "(a as any) = 1; a! = 1; [a.b, ...c] = d; ({ a, b: [c] = [], ...e } = f)",
        "a: for (;;) { for (;;) { continue a } }",
        "class C extends B { x = super.y; constructor() { const f = () => super(); f() } static { this.a } }",
        "const o = { m() { super.a }, __proto__: null, ['__proto__']: 1 }",
        "async (a) => { for await (const b of a) { await b } }",
        "export default async () => {}; await import('x')",
        "export * from 'a'; export * from 'b'; export * as c from 'd'",
        "import { default as a } from 'x'; export { a, a as b, a as default }",
        "<p {...a} key={1}>{/* nothing */}</p>",
        "let x = 1\n// const x = 2\nconst s = 'let x'",
    ],
)
def test_what_only_looks_like_it_is_fine(code: str) -> None:
    assert _early(code) == []


def test_a_sample_stays_valid_and_says_what_is_wrong() -> None:
    code = "export default function App() {\n  const open = 1;\n  const open = 2;\n  return <p>{open}</p>;\n}\n"
    sample = score_sample(Completion(code, language=Language.TSX))
    assert (sample.outcome, sample.early_errors) == (Outcome.VALID, 1)
    assert [(e.line, e.column, e.message) for e in sample.errors] == [
        (3, 9, "`open` is declared twice in one scope: first at line 2")
    ]


def test_nobody_looks_in_code_that_does_not_parse() -> None:
    assert check_jsx("let a; let a; (").early_errors is None


def test_elements_without_a_component_keep_their_places() -> None:
    (issue,) = check_jsx("<p>{() => { let a; let a }}</p><b/>").early_errors or ()
    assert issue.position.column == 24


def test_casts_and_generic_functions_are_typescript() -> None:
    code = "const a = <string>b; const f = <T>(x: T) => x; let a"
    assert _early(code, SourceKind.TS) == ["redeclared"]
    assert not check_jsx(code).valid


@pytest.mark.parametrize("piece", ["{", "var a;", "a: {", "let a;", "class A { m() {", "(a) => {", "[a] = "])
def test_long_and_deep_code_ends(piece: str) -> None:
    assert check_jsx(piece * 20_000).issues or piece.endswith(";")


def test_many_variables_in_deep_blocks_end() -> None:
    depth = 200
    code = "{" * depth + "".join(f"var a{n};" for n in range(40_000)) + "}" * depth
    assert _early(code) == []


def test_what_earlier_code_left_in_the_heap_decides_nothing() -> None:
    code = "{" * 200 + "".join(f"var a{n};" for n in range(40_001)) + "}" * 200
    # By itself this fits into an empty heap; beside it, the code does not.
    v8.close()
    v8.evaluate("globalThis.left = Array.from({ length: 4200 }, (_, n) => new Array(9000).fill(n)); 0")
    assert _early(code) == []


def test_a_heap_that_was_full_decides_nothing() -> None:
    with pytest.raises(JSEvalException):
        v8.evaluate("globalThis.left = []; for (;;) left.push(new Array(9000).fill(1))")
    assert _early("const a = 1; const a = 2") == ["redeclared"]
