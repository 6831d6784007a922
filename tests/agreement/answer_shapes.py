"""The shapes in which models answer, built from parts: talk, wrapper, info string, fault of a fence, tokens, thoughts.

A shape turns files into the pieces of a completion and marks which pieces are code, so that the right answer, and the
places at which a token limit can cut, are known from how it was made.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class File:
    """One file of an answer. `language` is `html`, `tsx`, `css` or `js`."""

    name: str
    language: str
    code: str


Piece = tuple[str, bool]
Build = Callable[[list[File], random.Random], list[Piece]]


@dataclass(frozen=True)
class Shape:
    """`kinds` are those of `document fragment component several` that can be answered so; `whole` says that no cut of
    it can be told from an end."""

    name: str
    build: Build
    kinds: tuple[str, ...] = ("document", "fragment", "component", "several")
    cuttable: bool = True


_BEFORE = (
    "Sure! Here is the page you asked for:",
    "Below is a complete, responsive page. It uses `flex` and **Tailwind**:\n\n1. a header\n2. a list",
    "I kept it simple: one <section> per topic, no scripts.",
    "### Plan\n\n- colors: slate, sky\n- layout: grid\n\nLet me write it.",
    "好的，这是您要的页面：",
)
_AFTER = (
    "Let me know if you want any changes!",
    "**Notes**\n\n- The `<nav>` collapses on small screens.\n- Colors come from the theme.",
    "How it works:\n\n1. The header stays on top.\n2. Cards wrap.\n\nEnjoy.",
    "You can replace the picture with your own, e.g. `hero.png`; the rest needs no change.",
    "The <nav> wraps on small screens, and don't forget the theme.",
    "✅ 已完成，祝您使用愉快！",
)
_DRAFT = '<div class="draft">' + "word " * 400 + "</div>"
_WHOLE_DRAFT = f"<!DOCTYPE html>\n<html><body>{_DRAFT}</body></html>"
_THOUGHTS = (
    f"The user wants a page. I could start with\n\n```html\n{_DRAFT}\n```\n\nbut no.",
    f"Okay. <main> or <div>? Let me think:\n{_WHOLE_DRAFT}\nNo, again.",
    "Maybe React?\n```tsx\nexport default function Draft() {\n"
    f"  return {_DRAFT.replace('class', 'className')}\n}}\n```\nHm.",
    "I don't know. Should I use ``` fences? It's fine: `<p>`.",
)
_WORD = {"html": "html", "tsx": "tsx", "css": "css", "js": "javascript"}
_BASH = "```bash\nnpm create vite@latest app\ncd app && npm install\n```"


def before(chance: random.Random) -> str:
    """What is said before the code."""
    return chance.choice(_BEFORE)


def after(chance: random.Random) -> str:
    """What is said after it."""
    return chance.choice(_AFTER)


def _talk(text: str) -> Piece:
    return text, False


def _code(text: str) -> Piece:
    return text, True


def each(item: Callable[[File], list[Piece]], joint: str = "\n\n", talk: bool = True, end: str = "") -> Build:
    """Every file in the same form, with talk before and after."""

    def build(files: list[File], chance: random.Random) -> list[Piece]:
        pieces = [_talk(f"{before(chance)}\n\n")] if talk else []
        for number, file in enumerate(files):
            pieces += [_talk(joint)] if number else []
            pieces += item(file)
        return [*pieces, _talk(f"\n\n{after(chance)}" if talk else end)]

    return build


def fenced(
    info: Callable[[File], str] | None = None,
    fence: str = "```",
    opening: str = "",
    first: str = "\n",
    last: str = "\n",
    closing: str | None = None,
    form: Callable[[str], str] = str,
    lead: Callable[[File], str] | None = None,
) -> Callable[[File], list[Piece]]:
    """A file in a fence, with the given info string and faults."""

    def item(file: File) -> list[Piece]:
        word = info(file) if info else _WORD[file.language]
        head = lead(file) if lead else ""
        return [
            _talk(f"{head}{opening}{fence}{word}{first}"),
            _code(form(file.code)),
            _talk(f"{last}{fence if closing is None else closing}"),
        ]

    return item


def wrapped(opening: str, closing: str, form: Callable[[str], str] = str) -> Callable[[File], list[Piece]]:
    """A file between two tags; `NAME`, `LANG` and `MIME` in them are filled in."""

    def item(file: File) -> list[Piece]:
        mime = {"html": "text/html", "tsx": "application/vnd.ant.react", "css": "text/css", "js": "text/javascript"}
        head = opening.replace("NAME", file.name).replace("LANG", file.language).replace("MIME", mime[file.language])
        return [_talk(head), _code(form(file.code)), _talk(closing)]

    return item


def around(opening: str, inner: Build, closing: str) -> Build:
    """Another shape with text before and after it."""
    return lambda files, chance: [_talk(opening), *inner(files, chance), _talk(closing)]


def thinking(opening: str, closing: str, inner: Build, orphan: bool = False) -> Build:
    """A thought with a draft that is longer than most answers, then another shape."""

    def build(files: list[File], chance: random.Random) -> list[Piece]:
        thought = chance.choice(_THOUGHTS)
        return [_talk(f"{'' if orphan else opening}{thought}\n{closing}"), *inner(files, chance)]

    return build


def _lines(prefix: Callable[[int], str]) -> Callable[[str], str]:
    return lambda code: "\n".join(prefix(n) + line for n, line in enumerate(code.split("\n"), 1))


def _dumped(code: str) -> str:
    return json.dumps(code)[1:-1]


def _ascii_free(code: str) -> str:
    return json.dumps(code, ensure_ascii=False)[1:-1]


def _joined(opening: str, item: Callable[[File], list[Piece]], closing: str, joint: str = ", ") -> Build:
    return around(opening, each(item, joint, talk=False), closing)


def _json_item(opening: str, closing: str, form: Callable[[str], str] = _dumped) -> Callable[[File], list[Piece]]:
    return wrapped(opening, closing, form)


_ONE = ("document", "fragment", "component")
_FILE = {"html": "index.html", "tsx": "src/App.tsx", "css": "src/index.css", "js": "src/main.js"}
_INFOS: dict[str, Callable[[File], str]] = {
    "plain": lambda f: _WORD[f.language],
    "upper case": lambda f: _WORD[f.language].upper(),
    "none": lambda f: "",
    "lang:path": lambda f: f"{f.language}:{f.name}",
    "lang path": lambda f: f"{f.language} {f.name}",
    "title": lambda f: f'{f.language} title="{f.name}"',
    "filename": lambda f: f"{f.language} filename={f.name}",
    "file attribute": lambda f: f'{f.language} file="{f.name}"',
    "v0 project": lambda f: f'{f.language} project="Demo" file="{f.name}" type="react"',
    "file name": lambda f: f.name,
    "base name": lambda f: f.name.rpartition("/")[2],
    "path in braces": lambda f: f"{f.language}{{{f.name}}}",
    "highlighted lines": lambda f: f"{f.language} {{1,3-4}} showLineNumbers",
    "comment": lambda f: f"{f.language} // {f.name}",
    "text": lambda f: "text",
    "plaintext": lambda f: "plaintext",
    "mdx": lambda f: "mdx",
    "code": lambda f: "code",
    "unknown": lambda f: "webpage",
    "typescriptreact": lambda f: "typescriptreact" if f.language == "tsx" else f.language,
    "javascriptreact": lambda f: "javascriptreact" if f.language == "tsx" else f.language,
    "reactjs": lambda f: "reactjs" if f.language == "tsx" else f.language,
    "nextjs": lambda f: "nextjs" if f.language == "tsx" else f.language,
    "react": lambda f: "react" if f.language == "tsx" else f.language,
    "jsx": lambda f: "jsx" if f.language == "tsx" else f.language,
    "javascript": lambda f: "javascript" if f.language == "tsx" else _WORD[f.language],
    "ts": lambda f: "ts" if f.language == "tsx" else f.language,
    "dotted": lambda f: f".{f.language}",
    "attribute list": lambda f: f"{{.{f.language} .numberLines}}",
    "language prefix": lambda f: f"language-{f.language}",
}
_FAULTS: dict[str, Callable[[File], list[Piece]]] = {
    "closed on the code's line": fenced(last=""),
    "code on the fence's line": lambda file: fenced(first="\n" if file.code.startswith("//") else " ")(file),
    "code glued to a bare fence": lambda file: fenced(lambda f: "", first="\n" if file.code.startswith("//") else "")(
        file
    ),
    "language in the next line": fenced(lambda f: f"\n{f.language}"),
    "blank before the language": fenced(lambda f: f" {f.language}"),
    "four back quotes": fenced(fence="````"),
    "five tildes": fenced(fence="~~~~~"),
    "closed by more": fenced(closing="````"),
    "closed by fewer": fenced(fence="````", closing="```"),
    "tildes": fenced(fence="~~~"),
    "blanks behind the fence": fenced(lambda f: f"{f.language}   ", closing="```   "),
    "mark before the fence": fenced(opening="\ufeff"),
    "zero-width space before the fence": fenced(opening="\u200b"),
    "no-break space before the fence": fenced(opening="\u00a0"),
    "mark in the fence": fenced(first="\n\ufeff"),
    "zero-width space in the fence": fenced(first="\n\u200b", last="\u200b\n"),
    "no-break space in the fence": fenced(first="\n\u00a0"),
    "quoted": fenced(opening="> ", first="\n", last="\n> ", form=_lines(lambda n: "> ")),
    "in a list": fenced(opening="1. ", form=_lines(lambda n: "   "), last="\n   "),
    "indented": fenced(opening="    ", form=_lines(lambda n: "    "), last="\n    "),
    "indented fence only": fenced(opening="   ", last="\n   "),
    "numbered with a bar": fenced(form=_lines(lambda n: f"{n:3} | ")),
    "numbered with a colon": fenced(form=_lines(lambda n: f"{n}: ")),
    "numbered with a tab": fenced(form=_lines(lambda n: f"{n}\t")),
    "numbered with a dot": fenced(form=_lines(lambda n: f"{n}. ")),
    "blank lines around": fenced(first="\n\n\n", last="\n\n\n"),
    "escaped": fenced(form=lambda code: escape(code, {'"': "&quot;", "'": "&#39;"})),
}


def _commented(file: File) -> str:
    return f"<!-- {file.name} -->\n" if file.language == "html" else f"/* {file.name} */\n"


_LEADS: dict[str, Callable[[File], str]] = {
    "bold name": lambda f: f"**{f.name}**\n\n",
    "heading": lambda f: f"### {f.name}\n",
    "numbered heading": lambda f: f"## 2. `{f.name}`\n\n",
    "inline code": lambda f: f"`{f.name}`:\n",
    "file label": lambda f: f"File: {f.name}\n",
    "bare name": lambda f: f"{f.name}\n",
    "sentence": lambda f: f"Then create `{f.name}`:\n\n",
}
_WRAPPERS: dict[str, tuple[str, str]] = {
    "answer": ("<answer>\n", "\n</answer>"),
    "answer in one line": ("<answer>", "</answer>"),
    "ANSWER": ("<ANSWER>\n", "\n</ANSWER>"),
    "solution": ("<solution>\n", "\n</solution>"),
    "response": ("<response>\n", "\n</response>"),
    "final_answer": ("<final_answer>\n", "\n</final_answer>"),
    "html_code": ("<html_code>\n", "\n</html_code>"),
    "HTML_CODE": ("<HTML_CODE>\n", "\n</HTML_CODE>"),
    "output": ("<output>\n", "\n</output>"),
    "code": ("<code>\n", "\n</code>"),
    "artifact": ('<artifact identifier="a" type="MIME" title="Demo">\n', "\n</artifact>"),
    "antArtifact": ('<antArtifact identifier="a" type="MIME" title="Demo page">\n', "\n</antArtifact>"),
    "Artifact": ('<Artifact type="MIME">\n', "\n</Artifact>"),
    "file path": ('<file path="NAME">\n', "\n</file>"),
    "file name": ("<file name='NAME'>", "</file>"),
    "file with CDATA": ('<file path="NAME"><![CDATA[\n', "\n]]></file>"),
    "lov-write": ('<lov-write file_path="NAME">\n', "\n</lov-write>"),
    "dyad-write": ('<dyad-write path="NAME" description="The page > all of it">\n', "\n</dyad-write>"),
    "create_file": ('<create_file path="NAME">\n', "\n</create_file>"),
    "create_file children": ("<create_file>\n<path>NAME</path>\n<content>\n", "\n</content>\n</create_file>"),
    "write_to_file": (
        "<write_to_file>\n<path>NAME</path>\n<content>\n",
        "\n</content>\n<line_count>9</line_count>\n</write_to_file>",
    ),
    "file children": ("<file>\n<name>NAME</name>\n<code>\n", "\n</code>\n</file>"),
    "invoke": (
        '<invoke name="create_file">\n<parameter name="path">NAME</parameter>\n<parameter name="content">',
        "</parameter>\n</invoke>",
    ),
    "function parameter": (
        "<tool_call>\n<function=write_file>\n<parameter=path>\nNAME\n</parameter>\n<parameter=content>\n",
        "\n</parameter>\n</function>\n</tool_call>",
    ),
    "argument values": (
        "<tool_call>write_file\n<arg_key>path</arg_key>\n<arg_value>NAME</arg_value>\n<arg_key>content</arg_key>\n<arg_value>",
        "</arg_value>\n</tool_call>",
    ),
    "code language": ('<codeblock language="LANG">\n', "\n</codeblock>"),
    "snippet with CDATA": ("<snippet><![CDATA[", "]]></snippet>"),
    "document": ("<result>\n<document>\n", "\n</document>\n</result>"),
    "page with a reason": ("<answer>\nHere is the page:\n\n```LANG\n", "\n```\n</answer>"),
    "fence in a file": ('<file path="NAME">\n```LANG\n', "\n```\n</file>"),
}
_THINKS: dict[str, tuple[str, str]] = {
    **{name: (f"<{name}>\n", f"</{name}>\n\n") for name in ("think", "thinking", "thought", "thoughts", "reasoning")},
    **{name: (f"<{name}>\n", f"</{name}>\n") for name in ("reflection", "scratchpad", "analysis", "plan", "planning")},
    **{
        name: (f"<{name}>\n", f"</{name}>\n")
        for name in (
            "thought_process",
            "chain_of_thought",
            "inner_monologue",
            "internal_reasoning",
            "seed:think",
            "rationale",
        )
    },
    "THINK in brackets": ("[THINK]", "[/THINK]"),
    "Kimi": ("◁think▷", "◁/think▷"),
    "antThinking": ("<antThinking>", "</antThinking>\n"),
    "Thinking": ("<Thinking>\n", "</Thinking>\n"),
    "begin of thought": ("<|begin_of_thought|>\n", "<|end_of_thought|>\n\n<|begin_of_solution|>\n"),
    "START_THINKING": ("<|START_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>"),
    "think token": ("<|think|>\n", "<|/think|>\n"),
    "harmony": ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    "harmony without tokens": ("analysisWe need a page. ", "assistantfinal"),
    "details": ('<details type="reasoning" done="true">\n<summary>Thought</summary>\n', "</details>\n"),
    "spoken": ("Here is my thought process:\n", "Here is my response:\n"),
}
_TOKENS: dict[str, tuple[str, str]] = {
    "im_end": ("", "<|im_end|>"),
    "im_end in a line of its own": ("", "\n<|im_end|>\n"),
    "im_start and im_end": ("<|im_start|>assistant\n", "<|im_end|>\n<|im_start|>user\nThanks! <b>Now"),
    "eot_id": ("<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"),
    "s": ("<s>", "</s>"),
    "end_of_turn": ("<start_of_turn>model\n", "<end_of_turn>\n"),
    "endoftext": ("", "<|endoftext|>"),
    "end of sentence": ("<｜Assistant｜>", "<｜end▁of▁sentence｜>"),
    "pads": ("", "<eos><pad><pad><pad>"),
    "INST": ("[/INST] ", "</s>[INST] more"),
    "role": ("assistant: ", "<|end|>"),
    "mark": ("\ufeff", "\u200b"),
}
