"""Ways in which pages break, or look broken and are not: each makes one change at a random place.

What becomes of the page is for the reference to say; a mutation that finds no place returns None.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

Mutation = Callable[[str, random.Random], str | None]

_OPEN = re.compile(
    r"<(div|section|span|a|ul|h2|button|article|main|table|form|nav|header|strong|em|figure|label)\b[^<>]*>"
)
_CLOSE = re.compile(r"</(div|section|span|a|ul|h2|button|article|main|table|form|nav|header|strong|em|figure|label)>")
_OPTIONAL = re.compile(r"</(li|p|td|th|tr|dt|dd|option|thead|tbody)>")
_QUOTED = re.compile(r"<[a-z][^<>]*?=(\"[^\"<>]*\"|'[^'<>]*')[^<>]*>")
_VOID = re.compile(r"<(br|img|input|hr)\b([^<>/]*)>")
_TEXT = re.compile(r">[^<>{}]*[A-Za-z]{3,}[^<>{}]*<")
_RAW = re.compile(r"<(script|style|textarea|title)\b[^<>]*>.*?(</\1>)", re.DOTALL)


def _pick(pattern: re.Pattern[str], page: str, chance: random.Random) -> re.Match[str] | None:
    """A random match, outside of scripts, styles and comments where it can be."""
    hidden = [m.span() for m in re.finditer(r"<(script|style|textarea|template)\b.*?</\1>|<!--.*?-->", page, re.DOTALL)]
    found = [m for m in pattern.finditer(page) if not any(a <= m.start() < b for a, b in hidden)]
    return chance.choice(found) if found else None


def _replace(page: str, span: tuple[int, int], by: str) -> str:
    return page[: span[0]] + by + page[span[1] :]


def _put(by: Callable[[re.Match[str], random.Random], str], pattern: re.Pattern[str] = _OPEN) -> Mutation:
    """A mutation that replaces one match."""

    def mutate(page: str, chance: random.Random) -> str | None:
        match = _pick(pattern, page, chance)
        return None if match is None else _replace(page, match.span(), by(match, chance))

    return mutate


def _typo(match: re.Match[str], chance: random.Random) -> str:
    name = match[1]
    at = chance.randrange(len(name))
    return f"</{name[:at]}{chance.choice('qxz')}{name[at:]}>"


def _misnest(page: str, chance: random.Random) -> str | None:
    pairs = list(re.finditer(r"</(\w+)>(\s*)</(\w+)>", page))
    pairs = [m for m in pairs if m[1] != m[3] and m[1] not in ("li", "td", "tr", "p", "option", "dd")]
    if not pairs:
        return None
    match = chance.choice(pairs)
    return _replace(page, match.span(), f"</{match[3]}>{match[2]}</{match[1]}>")


def _truncate(page: str, chance: random.Random) -> str:
    return page[: int(len(page) * chance.uniform(0.3, 0.9))]


def _truncate_tail(page: str, chance: random.Random) -> str | None:
    tail = re.search(r"(?:\s*</\w+>)+\s*$", page)
    closers = list(re.finditer(r"</\w+>", tail[0])) if tail else []
    if tail is None or len(closers) < 3:
        return None
    return page[: tail.start() + chance.choice(closers).start()]


def _unclosed_quote(match: re.Match[str], chance: random.Random) -> str:
    start, end = match.start(1) - match.start(), match.end(1) - match.start()
    at = chance.choice((start, end - 1))
    return match[0][:at] + match[0][at + 1 :]


def _unclosed_raw(page: str, chance: random.Random) -> str | None:
    match = _pick(_RAW, page, chance) or _RAW.search(page)
    return None if match is None else _replace(page, match.span(2), "")


def _skeleton(name: str, twice: bool) -> Mutation:
    def mutate(page: str, chance: random.Random) -> str | None:
        match = re.search(rf"</?{name}\b[^<>]*>", page) if chance.random() < 0.5 else None
        match = match or re.search(rf"</{name}>", page)
        return None if match is None else _replace(page, match.span(), match[0] * 2 if twice else "")

    return mutate


def _inside(opened: str) -> Callable[[re.Match[str], random.Random], str]:
    def replace(match: re.Match[str], chance: random.Random) -> str:
        return f">{opened}{match[0][1:]}"

    return replace


def _attribute(text: Sequence[str]) -> Callable[[re.Match[str], random.Random], str]:
    def replace(match: re.Match[str], chance: random.Random) -> str:
        return f"{match[0][:-1]} {chance.choice(text)}>"

    return replace


_FRAMEWORK = (
    '@click.prevent="open = !open"',
    ":class=\"{ 'a': b > c }\"",
    "x-on:keydown.enter='go()'",
    "hx-get=/a?b=c hx-target=#d",
    "v-bind:style='{ top: a < 2 }'",
    "[class.on]='a' (click)='b()' *ngIf='c'",
    "#ref {...rest}",
)

MUTATIONS: dict[str, Mutation] = {
    "drop_close": _put(lambda m, _: "", _CLOSE),
    "drop_open": _put(lambda m, _: ""),
    "extra_close": _put(lambda m, _: m[0] * 2, _CLOSE),
    "typo_close": _put(_typo, _CLOSE),
    "misnest": _misnest,
    "truncate": _truncate,
    "truncate_tail": _truncate_tail,
    "unclosed_quote": _put(_unclosed_quote, _QUOTED),
    "missing_gt": _put(lambda m, _: m[0][:-1]),
    "missing_gt_of_end": _put(lambda m, _: m[0][:-1], _CLOSE),
    "self_closing_div": _put(lambda m, _: f"<div class=a />{m[0]}"),
    "self_closing_element": _put(lambda m, _: f"<my-icon name='a'/>{m[0]}"),
    "self_closing_svg": _put(lambda m, _: f"<svg class=a /><svg><path d=''/></svg>{m[0]}"),
    "stray_lt": _put(_inside("<3 items < 5 "), _TEXT),
    "a_lt_b": _put(_inside("a < b, "), _TEXT),
    "optional_end": _put(lambda m, _: "", _OPTIONAL),
    "framework_attribute": _put(_attribute(_FRAMEWORK)),
    "duplicate_attribute": _put(_attribute(("id=a id=b", "class=a class=b"))),
    "unquoted_value": _put(_attribute(("data-a=b", "href=/a/b?c", "data-a=50%"))),
    "quote_in_name": _put(_attribute(('data-a=b" c"', "it's", 'a""b'))),
    "void_slash": _put(lambda m, _: f"<{m[1]}{m[2]} />", _VOID),
    "void_end": _put(lambda m, _: f"{m[0]}</{m[1]}>", _VOID),
    "div_in_p": _put(lambda m, _: f"<p>a<div>b</div></p>{m[0]}"),
    "open_span_in_p": _put(lambda m, _: f"<p><span>a<div>b</div></span></p>{m[0]}"),
    "nested_a": _put(lambda m, _: f"<a href=#>a <a href=#>b</a></a>{m[0]}"),
    "nested_button": _put(lambda m, _: f"<button><span><button>b</button></span></button>{m[0]}"),
    "nested_form": _put(lambda m, _: f"<form><div><form></form></div></form>{m[0]}"),
    "nested_heading": _put(lambda m, _: f"<h3>a <h4>b</h4></h3>{m[0]}"),
    "html_in_svg": _put(lambda m, _: f"<svg><div>a</div></svg>{m[0]}"),
    "open_path": _put(lambda m, _: f"<svg><path d=''></svg>{m[0]}"),
    "cell_outside_of_table": _put(lambda m, _: f"<div><td>a</td></div>{m[0]}"),
    "open_comment": _put(lambda m, _: f"<!-- a {m[0]}"),
    "open_raw_text": _unclosed_raw,
    "body_twice": _skeleton("body", twice=True),
    "head_twice": _skeleton("head", twice=True),
    "html_twice": _skeleton("html", twice=True),
    "no_body_tag": _skeleton("body", twice=False),
    "no_head_tag": _skeleton("head", twice=False),
    "no_html_tag": _skeleton("html", twice=False),
}


def random_edit(page: str, chance: random.Random, start: int = 0) -> str:
    """One edit of a character, a token or a line after `start`, such as a typing error or a bad merge makes."""
    kind = chance.randrange(7)
    at = chance.randrange(start, max(start + 1, len(page) - 1))
    if kind == 0:
        return page[:at] + page[at + 1 :]
    if kind == 1:
        return page[:at] + chance.choice("<>/\"'= \n&!-ab") + page[at:]
    if kind == 2:
        return page[:at] + page[at + 1 : at + 2] + page[at : at + 1] + page[at + 2 :]
    if kind == 3:
        return page[:at] + page[at + chance.randint(2, 60) :]
    tokens = [m.span() for m in re.finditer(r"</?[a-zA-Z][^<>]*>", page[start:])]
    if not tokens:
        return page
    a, b = (start + offset for offset in chance.choice(tokens))
    if kind == 4:
        return page[:a] + page[b:]
    if kind == 5:
        return page[:b] + page[a:b] + page[b:]
    other = start + chance.choice(tokens)[1]
    return _moved(page, a, b, other)


def _moved(page: str, a: int, b: int, to: int) -> str:
    """The page with `page[a:b]` moved before the offset `to`."""
    if a <= to <= b:
        return page
    if to > b:
        return page[:a] + page[b:to] + page[a:b] + page[to:]
    return page[:to] + page[a:b] + page[to:a] + page[b:]
