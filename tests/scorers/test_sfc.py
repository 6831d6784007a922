"""Components of Vue, Svelte and Astro: what is broken, what is not, what stands in them, and where."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers import Completion, Language, Outcome, score_sample
from scorers.extraction import extract
from scorers.language import LANGUAGES
from scorers.sfc.javascript import closing_brace
from scorers.sfc.svelte_blocks import outermost

FRAMEWORKS = (Language.VUE, Language.SVELTE, Language.ASTRO)


def _issues(language: Language, code: str) -> list[tuple[str, int, int]]:
    issues = LANGUAGES[language].read(code).verdict.issues
    return [(issue.code, issue.position.line, issue.position.column) for issue in issues]


def _codes(language: Language, code: str) -> list[str]:
    return [code for code, _, _ in _issues(language, code)]


def _vue(markup: str) -> str:
    return f"<template>\n{markup}\n</template>\n"


VUE = {
    "several roots": "<p>a</p><p>b</p>",
    "self-closing elements and components": '<Foo /><my-foo /><div class="a" /><textarea /><br><img src="a" />',
    "directives": '<p v-if="a > b" :class="{ c: d }" @click.prevent="e = f" v-else-if="g" v-model.trim="h">i</p>',
    "statements": '<p @click="a(); b()" @input="({ c }) => d(c)" @x="async () => await e()">f</p>',
    "slots": '<Foo v-slot:name="{ a, b: [c] }"><template #d="{ e } = {}">f</template><template #[g]>h</template></Foo>',
    "dynamic arguments": '<p :[a]="b" @[c.d].once="e" v-bind:[f]="g">h</p>',
    "loops": '<p v-for="(a, i) in b" :key="i" /><p v-for="{ c } of d.e()" /><p v-for="f in 10" />',
    "is and slot": '<component :is="a" /><slot name="b" />',
    "types": '<p :a="(b as string)!" @c="(d: number) => e">f</p>',
    "template literals": "<p :a=\"`b ${c ? `d` : 'e'} f`\">{{ `g ${h}` }}</p>",
    "v-pre": '<div v-pre>{{ a b }} <p :c="d e">f</p></div>{{ g }}',
    "text like code": "<p>a > b && c } d ' e</p>",
    "entities in directives": '<p v-if="a &amp;&amp; b &lt; c">d</p>',
    "svg": '<svg viewBox="0 0 1 1"><title>a</title><path d="M0" /><style>b { c: d }</style></svg>',
    "comments": "<!-- <p> {{ a b }} -->",
    "a loop without blanks": '<p v-for="a in\nb" @click="">c</p>',
}
SVELTE = {
    "blocks": "{#if a > b}<p>c</p>{:else if d}e{:else}f{/if}{#key g}h{/key}",
    "each": "{#each a as { b, c: [d] }, i (b.e)}<p>{i}</p>{:else}f{/each}{#each { length: 3 } as _, n}g{/each}",
    "await": "{#await a}b{:then c}d{:catch e}f{/await}{#await a() then { b }}c{/await}",
    "snippets": "{#snippet a(b, { c } = {})}<p>{b}</p>{/snippet}{@render a?.(1, { c: '}' })}",
    "tags": "{@html `<b>${a}</b>`}{#if b}{@const c = d => e}{@debug c}{/if}",
    "attributes": "<p {a} {...b} c={d} e='f {g ? `h` : \"i\"} j' class={['k', { l: m }]} n=o>p</p>",
    "directives": "<p class:a class:b={c} style:d={e} on:f|once={() => g > h} use:i={{ j }} bind:this={k} in:l>m</p>",
    "signs in expressions": "<p a={() => b < c && d > e} f={/[}]}>/.test(g)} h={'}>'}>{i ? '}' : \"{\"}</p>",
    "self-closing and void": "<div /><Foo.Bar /><br><input bind:value>",
    "special elements": "<svelte:head><title>{a}</title></svelte:head><svelte:element this={b}>c</svelte:element>",
    "list items": "<ul><li>a<li>b</ul>",
    "declarations": "{#if a}{const b = c}{b}{/if}",
    "raw text": "<textarea>{a} <b></textarea>",
    "scripts": "<script module>export const a = 1</script><script>let { b = $bindable() } = $props(); $: c</script>",
    "comments": "<!-- {#if} <p> -->",
}
ASTRO = {
    "frontmatter": "---\nimport A from './A.astro'\nconst b: string = await c()\nif (!b) return d\n---\n<A {b} />",
    "expressions": "<ul>{a.map((b) => <li>it's {b}</li>)}</ul>{c ? <p>d</p> : <p>e</p>}{f && (<br>)}",
    "html": "<!doctype html><html><head><meta charset='utf-8'><title>a</title></head><body>b > c<br></body></html>",
    "directives": "<p class:list={['a', { b: c }]} set:html={d} client:load @click='e' x-on:f.g='h' :i='j'>k</p>",
    "adjacent elements": "{a && <b>c</b><i>d</i>}{<b>e</b><!-- f --><i>g</i>}",
    "attributes": "<p {a} {...b} c=`d ${e}` f={g} h=i j>k</p>",
    "raw": "<p is:raw>{ a < <b></p><style>c { d: e }</style><script>const f: string = '<p>'</script>",
    "data": "<script type='application/ld+json'>{ a</script>",
    "comparisons": "{a < b ? c : d}{e<f>g}{h as Array<string>}",
    "fragments": "<><p>a</p></><Fragment slot='b'>c</Fragment>",
    "a fence in a string": "---\nconst a = `\n---\n` // ---\n---\n<p>b</p>",
}


@pytest.mark.parametrize("markup", VUE.values(), ids=VUE)
def test_what_vue_reads_is_valid(markup: str) -> None:
    assert _issues(Language.VUE, _vue(markup)) == []


@pytest.mark.parametrize("code", SVELTE.values(), ids=SVELTE)
def test_what_svelte_reads_is_valid(code: str) -> None:
    typed = "<script lang='ts'>\nlet a: string\n</script>\n" if "<script" not in code else ""
    assert (_issues(Language.SVELTE, code), _issues(Language.SVELTE, typed + code)) == ([], [])


@pytest.mark.parametrize("code", ASTRO.values(), ids=ASTRO)
def test_what_astro_reads_is_valid(code: str) -> None:
    assert _issues(Language.ASTRO, code) == []


@pytest.mark.parametrize(
    ("markup", "issue"),
    [
        ("<div><p>a</div>", ("x-missing-end-tag", 2, 6)),
        ("<ul><li>a<li>b</ul>", ("x-missing-end-tag", 2, 5)),
        ("<p>a</span></p>", ("x-invalid-end-tag", 2, 5)),
        ("<p>{{ a b }}</p>", ("ts1005", 2, 9)),
        ("<p>{{ a }</p>", ("x-missing-interpolation-end", 2, 4)),
        ('<p :a="b c">d</p>', ("ts1005", 2, 10)),
        ('<p @a="if (b) c()">d</p>', ("ts1109", 2, 8)),
        ('<p v-for="a on b">c</p>', ("x-v-for-malformed-expression", 2, 11)),
        ('<p #a="{ b">c</p>', ("ts1005", 2, 11)),
        ('<p :[a="b">c</p>', ("x-missing-dynamic-directive-argument-end", 2, 4)),
        ('<p a="b" a="c">d</p>', ("duplicate-attribute", 2, 10)),
        ('<p a="b" c"">d</p>', ("unexpected-character-in-attribute-name", 2, 11)),
        ("<p / a>b</p>", ("unexpected-solidus-in-tag", 2, 4)),
        ("<p a=>b</p>", ("missing-attribute-value", 2, 6)),
    ],
)
def test_what_vue_refuses_is_an_issue_in_its_place(markup: str, issue: tuple[str, int, int]) -> None:
    assert issue in _issues(Language.VUE, _vue(markup))


@pytest.mark.parametrize(
    ("code", "issue"),
    [
        ("{#if a}\n<p>b\n{/if}", ("block_unexpected_close", 3, 1)),
        ("<p>\n{#if a}</p>{/if}", ("element_invalid_closing_tag", 2, 8)),
        ("\n{#if a}b", ("block_unclosed", 2, 1)),
        ("a\n<div>b", ("element_unclosed", 2, 1)),
        ("{#each a as b}c{/if}", ("block_unexpected_close", 1, 16)),
        ("{#if a}b{:elseif c}d{/if}", ("block_invalid_continuation_placement", 1, 9)),
        ("{#if a}b{:else}c{:else}d{/if}", ("block_duplicate_clause", 1, 17)),
        ("{#each a of b}c{/each}", ("ts1005", 1, 10)),
        ("{#for a}b{/for}", ("expected_block_type", 1, 1)),
        ("<p a={b c}>d</p>", ("ts1005", 1, 9)),
        ("<p a={b>c</p>", ("unexpected_eof", 1, 14)),
        ("<p>{a</p>", ("unexpected_eof", 1, 4)),
        ("a < b", ("tag_invalid_name", 1, 3)),
        ("<br></br>", ("void_element_invalid_content", 1, 5)),
        ('<p on:click="a()">b</p>', ("directive_invalid_value", 1, 13)),
        ("<script>\nlet a: string\n</script>", ("ts8010", 2, 8)),
        ("<script>a</script><script>b</script>", ("script_duplicate", 1, 19)),
        ("<Foo><p></Foo></p>", ("element_invalid_closing_tag", 1, 15)),
        ("<p>a<div>b</div></p>", ("element_invalid_closing_tag", 1, 17)),
    ],
)
def test_what_svelte_refuses_is_an_issue_in_its_place(code: str, issue: tuple[str, int, int]) -> None:
    assert issue in _issues(Language.SVELTE, code)


@pytest.mark.parametrize(
    ("code", "issue"),
    [
        ("---\nconst a = ;\n---\n<p>b</p>", ("ts1109", 2, 11)),
        ("---\n---\n<div>\n  <p>a</div>", ("unclosed", 4, 3)),
        ("<p>\na\n", ("unclosed", 1, 1)),
        ("<br><br>\n<p>{a b}</p>", ("ts1005", 2, 7)),
        ("{a.map(b => <li>c</p>)}", ("mismatched_tag", 1, 13)),
        ("<br>{a && <b>c</b><i>d</b>}", ("mismatched_tag", 1, 19)),
        ("<p>a } b</p>", ("ts1381", 1, 6)),
        ("<p>a</p>\n<script>\nconst b = ;\n</script>", ("ts1109", 3, 11)),
    ],
)
def test_what_astro_refuses_is_an_issue_in_its_place(code: str, issue: tuple[str, int, int]) -> None:
    assert issue in _issues(Language.ASTRO, code)


@pytest.mark.parametrize("code", ["{a && <b>c}", "<p>a", "{a && <><b>c</>}", "<div>{a && <b><i>c</b>}</div>"])
def test_issues_of_astro_name_no_fragment_that_nobody_wrote(code: str) -> None:
    messages = [issue.message for issue in LANGUAGES[Language.ASTRO].read(code).verdict.issues]
    assert messages
    assert not any(message.startswith("`<>`") for message in messages if "<>" not in code)


@pytest.mark.parametrize(
    ("script", "codes"),
    [
        ("<script setup lang='ts'>\nconst a = <T>b\nconst c: Ref<string> = ref('')\n</script>", []),
        ("<script setup>\nconst a: string = b\n</script>", ["ts8010"]),
        ("<script setup>\nconst a = await b()\ndefineProps(['c'])\n</script>", []),
        ("<script lang='tsx'>\nexport default () => <p>a</p>\n</script>", []),
        ("<script lang='coffee'>\na -> b\n</script>", []),
        ("<script>\nexport default { data( { return {} } }\n</script>", ["ts1005"]),
        ("<script>\nexport default {}\n</script><script setup>\nlet a = (\n</script>", ["ts1109"]),
        ("<script>\nlet a", ["x-missing-end-tag"]),
    ],
)
def test_both_scripts_of_a_vue_component_are_parsed(script: str, codes: list[str]) -> None:
    found = _codes(Language.VUE, _vue("<p>a</p>") + script)
    assert found[:1] == codes


def test_a_template_in_another_language_is_named_and_not_judged() -> None:
    sample = score_sample(Completion("<template lang='pug'>\np a b\n</template>", language=Language.VUE))
    assert (sample.outcome, "pug" in sample.errors[0].message) == (Outcome.NO_CODE, True)


CLASSES = {
    Language.VUE: (
        """<template><div class="p-1 p-2" :class="['p-3', { 'p-4': a }, b ? 'p-5' : `p-6 ${c}`]"><T enter-class="p-7"
        :ui="{ base: 'p-8' }" /></div></template><script>const d = { e: 'p-9 flex' }</script>""",
        {"p-1", "p-2", "p-3", "p-4", "p-5", "p-6", "p-7", "p-8", "p-9", "flex"},
    ),
    Language.SVELTE: (
        """<script>const a = cn('p-1', b && 'p-2')</script>
        <p class="p-3 {c ? 'p-4' : ''} x{d}" class:p-5={e}><B class={['p-6', { 'p-7': f }]} />
        {#if g}<i class=p-8 />{/if}
        """,
        {"p-1", "p-2", "p-3", "p-4", "p-5", "p-6", "p-7", "p-8"},
    ),
    Language.ASTRO: (
        """---\nconst a = { b: 'p-1 flex' }\n---\n<p class="p-2" class:list={['p-3', { 'p-4': c }]}>
        {d.map(() => <i class={`p-5 ${e}`} />)}</p><script>document.body.classList.add('p-6')</script>""",
        {"p-1", "flex", "p-2", "p-3", "p-4", "p-5", "p-6"},
    ),
}


@pytest.mark.parametrize("language", CLASSES)
def test_classes_are_read_wherever_they_stand(language: Language) -> None:
    code, names = CLASSES[language]
    sample = score_sample(Completion(code, language=language))
    assert {name for name, _ in sample.classes} == names


@pytest.mark.parametrize(
    ("language", "code"),
    [
        (
            Language.VUE,
            """<template><p class="bg-brand" style="color: #f00" :style="{ color: '#f00' }"><path fill="#f00" /></p>
            </template><style scoped>@theme { --color-brand: #f00 } p { color: #f00; @apply bg-brand }</style>""",
        ),
        (
            Language.SVELTE,
            """<p class="bg-brand" style="color: #f00; top: {a}px" style:color="#f00"><path fill="#f00" /></p>
            <style>@theme { --color-brand: #f00 } p { color: #f00; @apply bg-brand }</style>""",
        ),
        (
            Language.ASTRO,
            """<p class="bg-brand" style="color: #f00"><b style={{ color: '#f00' }} /><path fill="#f00" /></p>
            <style>@theme { --color-brand: #f00 } p { color: #f00; @apply bg-brand }</style>""",
        ),
    ],
)
def test_colors_and_themes_are_read_wherever_they_stand(language: Language, code: str) -> None:
    sample = score_sample(Completion(code, language=language))
    assert (sample.outcome, sample.colors) == (Outcome.VALID, (("red-500", 6),))


@pytest.mark.parametrize("language", FRAMEWORKS)
def test_the_structure_is_that_of_the_elements(language: Language) -> None:
    markup = "<div><Card><p>a</p><br></Card></div>"
    code = f"<template>{markup}</template>" if language is Language.VUE else markup
    assert LANGUAGES[language].read(code).contents.tags == ("div", "Card", "p", "br")


@pytest.mark.parametrize("language", FRAMEWORKS)
def test_outermost_elements_may_be_the_background(language: Language) -> None:
    markup = "<main class='bg-white'><p class='bg-black'>a</p></main><div class='b'><i>c</i></div>"
    code = _vue(markup) if language is Language.VUE else markup
    assert [ground.tag for ground in LANGUAGES[language].read(code).contents.grounds] == ["main", "div"]


@pytest.mark.parametrize("language", FRAMEWORKS)
def test_an_expression_that_does_not_parse_hides_nothing_else(language: Language) -> None:
    code = "<p class='p-1'>{a b}</p><p class='p-2'>c</p>"
    if language is Language.VUE:
        code = _vue(code.replace("{a b}", "{{ a b }}"))
    reading = LANGUAGES[language].read(code)
    assert (bool(reading.verdict.issues), reading.contents.class_names) == (True, ("p-1", "p-2"))


ANSWERS = {
    Language.VUE: (
        "<script setup lang='ts'>\nimport A from './A.vue'\n\nconst b = ref('c')\n</script>\n\n<template>\n"
        "  <p v-if='b'>d</p>\n</template>\n\n<style scoped>\np { color: red }\n</style>"
    ),
    Language.SVELTE: (
        "<script>\n  import A from './A.svelte'\n\n  export let b = []\n</script>\n\n<p>c</p>\n\n{#each b as d}\n"
        "  <A {d} />\n{/each}"
    ),
    Language.ASTRO: (
        "---\nimport A from './A.astro'\n\nconst { b } = Astro.props\n---\n\n<p>c</p>\n\n{b.map((d) => <A {d} />)}\n"
        "<i>e</i>"
    ),
}


@pytest.mark.parametrize("language", ANSWERS)
@pytest.mark.parametrize(
    "answer",
    ["CODE", "Here it is:\n\nCODE\n\nThat is all.", "```NAME\nCODE\n```\nDone.", "```html\nCODE\n```"],
)
def test_a_component_is_found_in_an_answer(language: Language, answer: str) -> None:
    code = ANSWERS[language]
    text = answer.replace("NAME", language.value).replace("CODE", code)
    (file,) = extract(Completion(text)).files
    assert (file.language, file.code.strip()) == (language, code)
    assert score_sample(Completion(text)).outcome is Outcome.VALID


@pytest.mark.parametrize("language", ANSWERS)
def test_a_component_that_the_token_limit_cut_is_truncated(language: Language) -> None:
    code = ANSWERS[language][:-3]
    sample = score_sample(Completion(f"```{language.value}\n{code}", truncated=True))
    assert (sample.outcome, sample.language) == (Outcome.TRUNCATED, language)


def test_the_end_of_code_in_braces_is_where_javascript_says() -> None:
    for code in ("a}", "'}'}", "`${`}`}`}", "/[}/]}/}", "a / b / {c}}", "// }\n}", "/* } */}", "{a: {b}}}"):
        assert closing_brace(code, 0) == len(code) - 1
    assert closing_brace("`${a}", 0) == closing_brace("{a}", 0) == closing_brace("'}", 0) == -1


def test_the_outermost_code_keeps_its_length() -> None:
    for code in ("a[b] as { c: [d] }, e (f)", "'(' + b)", "((", "`a${b}`", "))a(("):
        assert len(outermost(code)) == len(code)


_SOUP = (
    *(
        "<template>",
        "</template>",
        "<script>",
        "</script>",
        "<style>",
        "</style>",
        "---\n",
        "{{",
        "}}",
        "{",
        "}",
        "<p>",
    ),
    *(
        "<p>",
        "</p>",
        "<Foo ",
        "/>",
        ">",
        "<",
        "{#if a}",
        "{:else}",
        "{/if}",
        "{#each a as b}",
        "{/each}",
        "{@html ",
        "a",
        " ",
    ),
    *("'", '"', "`", "${", "\n", ":a=", "@b=", "#c", "v-for=", "v-pre", "<!--", "-->", "=>", "(", ")", "<br>", "</br>"),
    *(
        "<textarea>",
        "<svg>",
        "</svg>",
        "/",
        "//",
        "/*",
        "*/",
        "😀",
        "\0",
        "class:list=",
        "is:raw",
        "<>",
        "</>",
        "<1",
        "&",
    ),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(_SOUP), max_size=40).map("".join) | st.text(max_size=60), st.sampled_from(FRAMEWORKS))
def test_any_text_has_a_verdict_with_places_inside_it(code: str, language: Language) -> None:
    lines = code.split("\n")
    for issue in LANGUAGES[language].read(code).verdict.issues:
        assert 1 <= issue.position.line <= len(lines)
        assert 1 <= issue.position.column <= len(lines[issue.position.line - 1]) + 1
        assert "\n" not in issue.message


LOOPS = (
    *(
        "{",
        "}",
        "{{",
        "{{a}}",
        "{a}",
        "{#if",
        "{#if a}",
        "{#each a as b}",
        "{/if}",
        "{`${",
        "{/*",
        "{<a/>}",
        "/[",
        "<{",
    ),
    *("<template>", "<script>", "<script ", "<style>", "---", "---\n", "</a>", "</a ", "<!--", "<", "<p ", "<p a='{"),
    *("<p>", "<Foo>", "<textarea>{</textarea>", "<title>{{", "<svg><style/>", "v-for='a in b' ", "as ", "<a :[", "//"),
)


@pytest.mark.parametrize("language", FRAMEWORKS)
@pytest.mark.parametrize("start", ["", "<template>\n", "---\n", "<p>{", "{#each "])
def test_a_loop_gets_an_outcome(language: Language, start: str) -> None:
    for piece in LOOPS:
        sample = score_sample(Completion(start + piece * (4_000 // len(piece)), language=language))
        assert sample.outcome in Outcome


@pytest.mark.parametrize("language", FRAMEWORKS)
@pytest.mark.parametrize("piece", ["{", "{#if", "<template>"])
def test_a_megabyte_of_one_piece_is_broken(language: Language, piece: str) -> None:
    assert _issues(language, "<template>" + piece * (1_000_000 // len(piece)))


def test_code_that_keeps_the_parser_looking_ahead_is_given_up() -> None:
    assert _codes(Language.VUE, f"<script>{'export ' * 60_000}</script>") == ["too_complex"]
    assert _codes(Language.VUE, "<script>let a = 1</script>") == []


@pytest.mark.parametrize(
    ("language", "code", "found"),
    [
        (
            Language.VUE,
            "<script setup>\nlet a\n\nlet a\n</script>\n<template><p /></template>",
            [("early_redeclared", 4)],
        ),
        (Language.VUE, "<script setup lang='ts'>\nlet a: number\nreturn\n</script>", [("early_return", 3)]),
        (
            Language.VUE,
            "<script>\nlet a\n</script>\n<script setup>\nconst b\n</script>",
            [("early_const_without_value", 5)],
        ),
        (Language.SVELTE, "<script>\n  const a = 1; let a\n</script>\n<p>{a}</p>", [("early_redeclared", 2)]),
        # Names that the compiler declares, and its labels.
        (Language.SVELTE, "<script>\n$: a = 1\n$: b = a\nexport { a }\n</script>", []),
        (Language.VUE, "<script setup lang='ts'>\nawait load()\nfunction f(): void\nfunction f() {}\n</script>", []),
        (Language.VUE, "<template><p /></template>", None),
        (Language.VUE, "<script>let a = b c</script>", None),
    ],
)
def test_scripts_have_early_errors(language: Language, code: str, found: list[tuple[str, int]] | None) -> None:
    errors = LANGUAGES[language].read(code).verdict.early_errors
    assert (None if errors is None else [(error.code, error.position.line) for error in errors]) == found
