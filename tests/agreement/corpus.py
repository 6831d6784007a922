"""Pages to compare on: written by a seeded generator in many styles, and shipped by npm packages under the MIT license.

The generator's pages are clean by the standard: whatever is odd in them (omitted end tags, foreign content, attributes
of frameworks) is allowed. The shipped pages are used as they are, templates and pieces of pages included.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.agreement.tools import npm

# All MIT; chosen because they ship many pages written by people, not because of how these pages score.
PACKAGES = {
    "admin-lte": "4.0.2",
    "codemirror": "5.65.20",
    "gentelella": "4.2.0",
    "html5-boilerplate": "9.0.1",
    "impress.js": "1.1.0",
    "reveal.js": "5.2.1",
    "startbootstrap-clean-blog": "6.0.9",
    "startbootstrap-landing-page": "6.0.6",
    "startbootstrap-sb-admin-2": "4.1.4",
    "uikit": "3.25.25",
}
_LARGEST = 200_000

Piece = Callable[[random.Random], str]
_TEXT = """
account balance basket calm checkout city cloud coffee daily delivery design engine field forest garden ideas invoice
journal kitchen launch letter light market morning northern order payment people quiet report river season shipping
simple studio summer support table team ticket travel update valley weekly window winter
"""
_WORDS = tuple(_TEXT.split())
_COLORS = ("slate", "sky", "emerald", "amber", "rose", "violet", "teal")


def words(chance: random.Random, least: int = 2, most: int = 9) -> str:
    """A few words of text, now and then with what text may hold besides letters."""
    found = " ".join(chance.choice(_WORDS) for _ in range(chance.randint(least, most)))
    odd = chance.random()
    return found.capitalize() + (
        " & more" if odd < 0.1 else " – 5 &gt; 3" if odd < 0.15 else " 100 %" if odd < 0.2 else ""
    )


def classes(chance: random.Random) -> str:
    """A class attribute."""
    color = f"{chance.choice(_COLORS)}-{chance.choice((50, 200, 500, 900))}"
    names = f"p-{chance.randint(1, 12)} text-{color} md:flex hover:bg-{color}/50 w-[{chance.randint(9, 99)}px]"
    return f'class="{names}"'


def _hero(chance: random.Random) -> str:
    return (
        f"<section {classes(chance)}>\n  <h1 {classes(chance)}>{words(chance)}</h1>\n  <p>{words(chance)}<br>"
        f"{words(chance)}</p>\n  <a href='#start' {classes(chance)}>{words(chance, 1, 2)} <span>&rarr;</span></a>\n"
        f"  <img src=hero.png alt='' loading=lazy />\n</section>"
    )


def _cards(chance: random.Random) -> str:
    card = (
        "  <article {c}>\n    <h2>{t}</h2>\n    <p>{p} <strong>{t}</strong> <em>{p}</em></p>\n"
        "    <button type='button' {c}>{t}</button>\n  </article>"
    )
    made = (card.format(c=classes(chance), t=words(chance, 1, 3), p=words(chance)) for _ in range(chance.randint(2, 6)))
    return f"<div {classes(chance)}>\n" + "\n".join(made) + "\n</div>"


def _table(chance: random.Random) -> str:
    rows = "\n".join(
        f"      <tr><td>{words(chance, 1, 2)}</td><td>{chance.randint(1, 900)}</td><td><a href='#'>"
        f"{words(chance, 1, 1)}</a></td></tr>"
        for _ in range(chance.randint(2, 7))
    )
    return (
        f"<table {classes(chance)}>\n    <caption>{words(chance)}</caption>\n"
        "    <colgroup><col><col span=2></colgroup>\n"
        f"    <thead>\n      <tr><th>{words(chance, 1, 1)}</th><th>b</th><th>c</th></tr>\n    </thead>\n    <tbody>\n"
        f"{rows}\n    </tbody>\n    <tfoot><tr><td colspan=3>{words(chance)}</td></tr></tfoot>\n  </table>"
    )


def _bare_table(chance: random.Random) -> str:
    rows = "".join(f"<tr><td>{words(chance, 1, 2)}<td>{words(chance, 1, 3)}\n" for _ in range(chance.randint(2, 5)))
    return f"<table><caption>{words(chance)}<thead><tr><th>a<th>b<tbody>\n{rows}</table>"


def _form(chance: random.Random) -> str:
    options = "".join(f"<option value={n}>{words(chance, 1, 2)}</option>" for n in range(chance.randint(2, 5)))
    return (
        f"<form action=/send method=post {classes(chance)}>\n  <fieldset><legend>{words(chance, 1, 2)}</legend>\n"
        f"  <label>{words(chance, 1, 2)} <input type=email name=email required></label>\n"
        f"  <label for=kind>Kind</label><select id=kind><optgroup label='{words(chance, 1, 1)}'>{options}</optgroup>"
        f"<option>{words(chance, 1, 1)}</option></select>\n  <textarea name=text>a < b, <b> stays text</textarea>\n"
        f"  <input type='checkbox' checked /> <button {classes(chance)} disabled>{words(chance, 1, 1)}</button>\n"
        f"  </fieldset>\n</form>"
    )


def _lists(chance: random.Random) -> str:
    bare = "".join(f"<li>{words(chance, 1, 4)}\n" for _ in range(chance.randint(2, 5)))
    return (
        f"<ul>\n{bare}<li>{words(chance)}<ol><li><p>{words(chance)}<li>{words(chance)}</ol></ul>\n"
        f"<dl><dt>{words(chance, 1, 1)}<dd>{words(chance)}</dl><dl><div><dt>a<dd>b</div></dl>"
    )


def _nav(chance: random.Random) -> str:
    links = "\n".join(f"    <li><a href='/{n}'>{words(chance, 1, 1)}</a></li>" for n in range(chance.randint(3, 6)))
    return f"<header {classes(chance)}>\n  <nav aria-label=main>\n  <ul>\n{links}\n  </ul>\n  </nav>\n</header>"


def _svg(chance: random.Random) -> str:
    bars = "".join(f'<rect x="{n * 9}" y="2" width="7" height="{chance.randint(3, 90)}"/>' for n in range(6))
    return (
        '<svg viewBox="0 0 60 90" xmlns="http://www.w3.org/2000/svg" fill="none"><title>Bars &amp; lines</title>'
        '<defs><linearGradient id="g"><stop offset="0" stop-color="#06c"/><stop offset="1"/></linearGradient></defs>'
        f'<g stroke="url(#g)">{bars}<path d="M0 0L9 9"></path></g><foreignObject width="9" height="9"><div>'
        f"<p>{words(chance)}</div></foreignObject><style>.a > .b {{ fill: red }}</style></svg>"
    )


def _math(chance: random.Random) -> str:
    return f"<p>{words(chance)} <math><mrow><mi>x</mi><mo>=</mo><mfrac><mn>1</mn><mn>2</mn></mfrac></mrow></math></p>"


def _alpine(chance: random.Random) -> str:
    return (
        "<div x-data=\"{ open: false, items: ['a', 'b'], get n() { return this.items.length > 1 } }\" @click.outside="
        '\'open = false\' x-on:keydown.escape.window="open = false">\n  <button @click="open = !open" '
        ":class=\"{ 'bg-sky-500': open }\" x-text=\"open ? 'close' : 'open'\"></button>\n"
        f'  <template x-for="item in items" :key=item><li x-text=item></li></template>\n  <p x-show=open x-cloak>'
        f"{words(chance)}</p>\n</div>"
    )


def _htmx(chance: random.Random) -> str:
    return (
        "<div hx-get='/rows?a=1&b=2' hx-trigger=\"load, every 2s\" hx-swap=outerHTML hx-vals='{\"a\": 1}' "
        f"_='on click toggle .on'>\n  <span class=\"htmx-indicator\">{words(chance, 1, 2)}</span>\n</div>"
    )


def _vue(chance: random.Random) -> str:
    return (
        '<div id="app" v-cloak><p v-if="shown && a < b" v-bind:title="title">{{ text | upper }}</p>'
        '<my-list v-for="(a, i) in rows" :key="a.id" #default="{ row }" @picked="pick(i)"></my-list></div>'
    )


def _elements(chance: random.Random) -> str:
    return (
        f"<user-card name='{words(chance, 1, 2)}'><img slot=picture src='a.png' alt=''>"
        f"<p slot=text>{words(chance)}</p></user-card>\n"
        "<template id=row><tr><td><slot name=a></slot></td></tr></template>\n"
        "<x-tabs><template shadowrootmode=open><style>:host { display: block }</style><slot></slot></template>"
        "<x-tab></x-tab></x-tabs>"
    )


def _media(chance: random.Random) -> str:
    return (
        "<figure><picture><source srcset=a.webp type='image/webp'>"
        f"<img src=a.png alt='{words(chance, 1, 2)}'></picture><figcaption>{words(chance)}</figcaption></figure>\n"
        f"<video controls><source src=a.mp4><track src=a.vtt>"
        f"<p>{words(chance)}</p></video>\n<iframe src='https://example.com' title=a></iframe>"
        "<object data=a.pdf type='application/pdf'><embed src=a.pdf></object>"
    )


def _prose(chance: random.Random) -> str:
    return (
        f"<main>\n<h2>{words(chance)}</h2>\n<p>{words(chance)} <abbr title='a \"b\"'>c</abbr> <code>a &lt; b</code>\n"
        f"<p>{words(chance)}<blockquote>{words(chance)}</blockquote>\n<pre>\n  if (a &amp;&amp; b) {{}}\n</pre>\n"
        f"<hr><details open><summary>{words(chance)}</summary><p>{words(chance)}</details>\n"
        f"<ruby>a<rp>(<rt>b<rp>)</ruby> <time datetime=2026-01-01>{words(chance, 1, 1)}</time><wbr></main>"
    )


def _scripts(chance: random.Random) -> str:
    return (
        f"<p>{words(chance)}</p><script>const a = '<div>' + (1 < 2 && 3 > 2) + `</p>`; // {words(chance)}\n</script>\n"
        '<script type="application/json">{"a": "<b>"}</script><noscript><p>No scripts</p></noscript>\n'
        "<!-- <div> not open -- here > --><style>@media (width > 9px) { a > b::after { content: '<i>' } }</style>"
    )


def _email(chance: random.Random) -> str:
    return (
        '<center><table width="100%" cellpadding=0 border="0" bgcolor=#ffffff><tr><td align=center>'
        f'<!--[if mso]><table><tr><td><![endif]--><font color="#333">{words(chance)}</font><br />'
        f'<table><tr><td><a href="#"><b>{words(chance)}</b></a></td></tr></table></td></tr></table></center>'
    )


def _shouting(chance: random.Random) -> str:
    return f"<DIV CLASS=box><P ALIGN=left>{words(chance)}</P><INPUT DISABLED><Br/><IMG SRC=a.gif ALT=a></DIV>"


PIECES: tuple[Piece, ...] = (
    *(_hero, _cards, _table, _bare_table, _form, _lists, _nav, _svg, _math, _alpine, _htmx, _vue, _elements, _media),
    *(_prose, _scripts, _email, _shouting),
)


def _head(chance: random.Random) -> str:
    return (
        f"<meta charset=utf-8>\n<title>{words(chance, 1, 4)}</title>\n"
        + "<meta name='viewport' content='width=device-width'/>\n"
        + chance.choice(("", "<base href='/'>\n", "<link rel=stylesheet href='a.css'>\n"))
        + chance.choice(
            ("", "<style>body { margin: 0 }\n/* </div> */ </style>\n", "<script src='a.js' defer></script>\n")
        )
        + chance.choice(("", "<noscript><link rel=stylesheet href=b.css></noscript>\n", "<!-- head -->\n"))
    )


def page(seed: int) -> str:
    """A whole page, with all of its skeleton or only some of it."""
    chance = random.Random(seed)
    body = "\n".join(piece(chance) for piece in chance.sample(PIECES, chance.randint(2, 6)))
    head = _head(chance)
    skeletons = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}</head>\n<body {c}>\n{body}\n</body>\n</html>\n',
        "<!doctype html>\n<html lang=en>\n<head>\n{head}</head>\n<body>\n{body}\n</body>\n</html>",
        "<!doctype html>\n{head}\n<body {c}>\n{body}\n",
        "<!doctype html>\n{head}\n{body}\n",
        "\n<!-- page -->\n<!DOCTYPE HTML><html>\n<head>{head}<body>{body}</body></html>\n<!-- end -->\n",
    )
    weights = (6, 4, 1, 1, 1)
    return chance.choices(skeletons, weights)[0].format(head=head, body=body, c=classes(chance))


def fragment(seed: int) -> str:
    """A piece of a page, without a skeleton."""
    chance = random.Random(seed)
    return "\n".join(piece(chance) for piece in chance.sample(PIECES, chance.randint(1, 3)))


def shipped() -> Iterator[tuple[str, str]]:
    """The pages in the npm packages, with their names. Raises ToolMissing where npm cannot fetch them."""
    modules = npm(PACKAGES)
    for package in PACKAGES:
        for path in sorted((modules / package).rglob("*.htm*")):
            if path.is_file() and path.stat().st_size <= _LARGEST:
                yield str(path.relative_to(modules)), _read(path)


def _read(path: Path) -> str:
    return path.read_text("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
