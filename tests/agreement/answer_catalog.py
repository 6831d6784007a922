"""The catalog of shapes: every form of `answer_shapes` with talk, and those of tools that are known by name."""

from __future__ import annotations

import random
from collections.abc import Iterator
from html import escape

from tests.agreement import answer_shapes as parts
from tests.agreement.answer_shapes import Build, File, Piece, Shape, around, each, fenced, thinking, wrapped

_ONE = ("document", "fragment", "component")
_TSX_FIRST = ("component", "several")


def shapes() -> list[Shape]:
    """All shapes, each with the kinds of answers that can be given in it."""
    return [
        *(Shape(f"info: {name}", each(fenced(info)), _info_kinds(name)) for name, info in parts._INFOS.items()),
        *(Shape(f"fence: {name}", each(item), _fault_kinds(name)) for name, item in parts._FAULTS.items()),
        *(Shape(f"name: {name}", each(fenced(lead=lead))) for name, lead in parts._LEADS.items()),
        Shape("name: comment inside", each(fenced(form=str)), ("several",)),
        *_placed(),
        *_wrapped(),
        *(Shape(f"thought: {name}", thinking(*marks, each(fenced()))) for name, marks in parts._THINKS.items()),
        *_bare_thoughts(),
        *_tokens(),
        *_json(),
        *_edits(),
        *_bare(),
        *_tools(),
        *_asides(),
    ]


def _info_kinds(name: str) -> tuple[str, ...]:
    # A fence that says `code` or a bare name of a file may hold css that only its content tells; all kinds stay.
    return ("document", "fragment", "component", "several")


def _fault_kinds(name: str) -> tuple[str, ...]:
    return ("document", "fragment", "component", "several")


def _placed() -> Iterator[Shape]:
    """Fences in odd places, and with other things around."""

    def after_words(files: list[File], chance: random.Random) -> list[Piece]:
        pieces: list[Piece] = []
        for file in files:
            pieces += [("Here is the code: ", False), *fenced()(file), (f"\n\n{parts.after(chance)}\n\n", False)]
        return pieces

    yield Shape("fence: opened after words", after_words)
    yield Shape("fence: talk behind the closing one", each(fenced(closing="``` That is all, I hope you like it.")))
    yield Shape("fence: with commands before", around(f"Run this:\n\n{parts._BASH}\n\n", each(fenced()), ""))
    yield Shape("fence: with commands behind", around("", each(fenced()), f"\n\n{parts._BASH}\n\nDone."))
    yield Shape(
        "fence: with package.json", around("", each(fenced()), '\n\n```json\n{"dependencies": {"react": "19"}}\n```\n')
    )
    yield Shape("fence: with a diagram", around("```\nsrc/\n  App.tsx\n  index.css\n```\n\n", each(fenced()), ""))
    yield Shape("fence: with another language", around("", each(fenced()), "\n\n```python\nprint('<p>')\n```\n"))
    yield Shape("fence: whole answer in markdown", around("```markdown\n", each(fenced()), "\n```"), cuttable=True)
    yield Shape("fence: whole answer in four", around("````markdown\n", each(fenced()), "\n````"))
    yield Shape("fence: whole answer in a bare one", around("```\n", each(fenced()), "\n```"))
    yield Shape("fence: none closed", each(_open_fence, joint="\n\n", talk=False), ("document", "several"))
    yield Shape(
        "fence: a hint before",
        around("Use a card:\n\n```html\n<p>Only a <b>hint</b></p>\n```\n\n", each(fenced()), ""),
        ("document", "fragment"),
    )
    yield Shape(
        "fence: a usage behind",
        around("", each(fenced()), '\n\nUse it:\n\n```tsx\n<Hero title="a" />\n```\n'),
        _TSX_FIRST,
    )
    yield Shape("fence: an older draft", _drafted, _ONE)
    yield Shape("fence: no blank lines", each(fenced(), joint="\n", talk=False))
    yield Shape("fence: alone", each(fenced(), talk=False))
    yield Shape("fence: quoted whole answer", _quoted, _ONE)


def _open_fence(file: File) -> list[Piece]:
    return [(f"```{parts._WORD[file.language]}\n", False), (file.code, True), ("\n", False)]


def _drafted(files: list[File], chance: random.Random) -> list[Piece]:
    draft = files[0].code.replace("p-", "m-")
    name = f"```{files[0].language}:{files[0].name}\n"
    return [(f"First:\n\n{name}{draft}\n```\n\nBetter:\n\n{name}", False), (files[0].code, True), ("\n```\n", False)]


def _quoted(files: list[File], chance: random.Random) -> list[Piece]:
    lines = files[0].code.replace("\n", "\n> ")
    return [
        (f"> {parts.before(chance).splitlines()[0]}\n>\n> ```{files[0].language}\n> ", False),
        (lines, True),
        ("\n> ```\n", False),
    ]


def _wrapped() -> Iterator[Shape]:
    for name, marks in parts._WRAPPERS.items():
        yield Shape(f"tag: {name}", each(wrapped(*marks)), _tag_kinds(name))
        yield Shape(f"tag alone: {name}", each(wrapped(*marks), joint="\n", talk=False), _tag_kinds(name))
    yield Shape("tag: unclosed answer", around("<answer>\n", each(fenced(), talk=False), ""))
    yield Shape(
        "tag: thought and answer",
        thinking("<think>", "</think>", around("<answer>\n", each(fenced(), talk=False), "\n</answer>")),
    )
    yield Shape("tag: pre and code", each(wrapped("<pre><code>", "</code></pre>", escape)), _ONE)
    yield Shape(
        "tag: pre and code with a class",
        each(wrapped('<pre><code class="language-LANG">', "</code></pre>", escape)),
        _ONE,
    )


def _tag_kinds(name: str) -> tuple[str, ...]:
    unnamed = "NAME" not in parts._WRAPPERS[name][0]
    kinds = ("document", "fragment", "component")
    if name in ("Artifact",) or (name == "code"):
        return ("document", "fragment", "component")
    return kinds if unnamed else (*kinds, "several")


def _bare_thoughts() -> Iterator[Shape]:
    for name in ("think", "reasoning", "THINK in brackets", "Kimi", "harmony"):
        opening, closing = parts._THINKS[name]
        yield Shape(f"thought then bare: {name}", thinking(opening, closing, _plain), _ONE)
        if name != "harmony":
            yield Shape(f"only the end of a thought: {name}", thinking("", closing, each(fenced()), orphan=True))


def _plain(files: list[File], chance: random.Random) -> list[Piece]:
    return [(files[0].code, True)]


def _tokens() -> Iterator[Shape]:
    for name, (opening, closing) in parts._TOKENS.items():
        yield Shape(f"token, fenced: {name}", around(opening, each(fenced(), talk=False), closing), cuttable=True)
        yield Shape(f"token, bare: {name}", around(opening, _plain, closing), _ONE)
        yield Shape(f"token, open fence: {name}", around(opening, _last_open, closing), _ONE)


def _last_open(files: list[File], chance: random.Random) -> list[Piece]:
    return [(f"{parts.before(chance)}\n\n```{files[0].language}\n", False), (files[0].code, True)]


def _json() -> Iterator[Shape]:
    dumped, unescaped = parts._dumped, parts._ascii_free
    one = {
        "by language": ('{"LANG": "', '"}'),
        "code": ('{"code": "', '", "language": "LANG"}'),
        "html last": ('{"title": "Demo", "description": "A page", "code": "', '"}'),
        "content": ('{"type": "message", "role": "assistant", "content": "', '"}'),
        "file": ('{"path": "NAME", "content": "', '"}'),
        "tool call": (
            '<tool_call>\n{"name": "write_file", "arguments": {"path": "NAME", "content": "',
            '"}}\n</tool_call>',
        ),
        "bare call": ('{"name": "write_file", "arguments": {"path": "NAME", "content": "', '"}}'),
        "call with parameters": ('{"name": "write_file", "parameters": {"path": "NAME", "content": "', '"}}'),
        "Mistral's": ('[TOOL_CALLS][{"name": "write_file", "arguments": {"path": "NAME", "content": "', '"}}]'),
        "Llama's": (
            '<|python_tag|>{"name": "write_file", "parameters": {"path": "NAME", "content": "',
            '"}}<|eom_id|>',
        ),
        "harmony's": (
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary to=functions.write_file "
            '<|constrain|>json<|message|>{"path": "NAME", "content": "',
            '"}<|call|>',
        ),
        "Anthropic's": ('{"type": "tool_use", "name": "create_file", "input": {"path": "NAME", "file_text": "', '"}}'),
        "OpenAI's": (
            '{"tool_calls": [{"type": "function", "function": {"name": "write", "arguments": {"file_path": "NAME", '
            '"content": "',
            '"}}}]}',
        ),
    }
    for name, marks in one.items():
        yield Shape(f"json: {name}", each(wrapped(*marks, dumped), joint="\n", talk=False), _ONE)
    yield Shape("json: not escaped beyond need", each(wrapped('{"LANG": "', '"}', unescaped), talk=False), _ONE)
    yield Shape("json: with talk", each(wrapped('{\n  "LANG": "', '"\n}', dumped)), _ONE)
    yield Shape("json: in a fence", each(wrapped('```json\n{"LANG": "', '"}\n```', dumped)), _ONE)
    yield Shape("json: in a bare fence", each(wrapped('```\n{"code": "', '"}\n```', dumped)), _ONE)
    yield Shape(
        "json: line ends as they are",
        each(wrapped('{"LANG": "', '"}', lambda c: c.replace("\\", "\\\\").replace('"', '\\"')), talk=False),
        _ONE,
    )
    yield Shape(
        "json: markdown in it",
        each(wrapped('{"response": "Sure:\\n\\n```LANG\\n', '\\n```\\nEnjoy!"}', dumped), talk=False),
        _ONE,
    )
    yield Shape(
        "json: arguments as a string",
        each(
            wrapped(
                '{"name": "write", "arguments": "{\\"path\\": \\"NAME\\", \\"content\\": \\"',
                '\\"}"}',
                lambda c: dumped(dumped(c)),
            ),
            joint="\n",
            talk=False,
        ),
        _ONE,
    )
    for name, (opening, item, closing) in {
        "files by name": ('{"files": {', ('"NAME": "', '"'), "}}"),
        "files by name, nested": ('{"files": {', ('"/NAME": {"code": "', '"}'), "}}"),
        "list of files": ("[", ('{"path": "NAME", "content": "', '"}'), "]"),
        "list of files in an object": (
            '{"summary": "A page", "files": [',
            ('{"filename": "NAME", "language": "LANG", "content": "', '"}'),
            "]}",
        ),
        "names only": ("{", ('"NAME": "', '"'), "}"),
        "list of calls": ("[", ('{"name": "write_file", "arguments": {"file_path": "NAME", "content": "', '"}}'), "]"),
        "files in a fence": ('```json\n{"files": [', ('{"name": "NAME", "code": "', '"}'), "]}\n```"),
    }.items():
        yield Shape(f"json: {name}", around(opening, each(wrapped(*item, dumped), ", ", talk=False), closing))


def _plus(code: str) -> str:
    return "\n".join("+" + line for line in code.split("\n"))


def _edits() -> Iterator[Shape]:
    search = ("<<<<<<< SEARCH\n=======\n", "\n>>>>>>> REPLACE")
    yield Shape(
        "edit: search and replace in a fence", each(wrapped(f"NAME\n```LANG\n{search[0]}", f"{search[1]}\n```"))
    )
    yield Shape("edit: name in the fence", each(wrapped(f"```\nNAME\n{search[0]}", f"{search[1]}\n```")))
    yield Shape("edit: bare", each(wrapped(*search), talk=False), _ONE)
    yield Shape("edit: bare with talk", each(wrapped(*search)), _ONE)
    yield Shape(
        "edit: original and updated",
        each(wrapped("```LANG\n<<<<<<< ORIGINAL\n=======\n", "\n>>>>>>> UPDATED\n```")),
        _ONE,
    )
    yield Shape("edit: dashes", each(wrapped("```LANG\n------- SEARCH\n=======\n", "\n+++++++ REPLACE\n```")), _ONE)
    yield Shape(
        "edit: DeepSite's new file",
        each(wrapped("<<<<<<< NEW_FILE_START NAME >>>>>>> NEW_FILE_END\n```LANG\n", "\n```")),
    )
    diff = "--- /dev/null\n+++ b/NAME\n@@ -0,0 +1,99 @@\n"
    yield Shape("edit: diff of a new file", each(wrapped(f"```diff\n{diff}", "\n```", _plus)))
    yield Shape(
        "edit: git's diff",
        each(wrapped(f"```diff\ndiff --git a/NAME b/NAME\nnew file mode 100644\nindex 000..1\n{diff}", "\n```", _plus)),
    )
    yield Shape("edit: bare diff", each(wrapped(diff, "\n", _plus), joint="", talk=False))
    yield Shape("edit: only added lines", each(wrapped("```diff\n", "\n```", _plus)), _ONE)
    patch = around(
        "*** Begin Patch\n", each(wrapped("*** Add File: NAME\n", "\n", _plus), joint="", talk=False), "*** End Patch\n"
    )
    yield Shape("edit: patch", patch)
    yield Shape("edit: patch in a fence", around("```\n", patch, "```\n"))


def _bare() -> Iterator[Shape]:
    def joined(left: str, right: str) -> Build:
        def build(files: list[File], chance: random.Random) -> list[Piece]:
            lead = parts.before(chance).replace("<section>", "section") + left if left else ""
            return [(lead, False), (files[0].code, True), (right + parts.after(chance) if right else "", False)]

        return build

    yield Shape("bare", joined("", ""), _ONE)
    yield Shape("bare: with talk", joined("\n\n", "\n\n"), _ONE)
    yield Shape("bare: talk in the next line", joined("\n", "\n"), _ONE)
    yield Shape("bare: talk before", joined("\n\n", ""), _ONE)
    yield Shape("bare: talk behind", joined("", "\n\n"), _ONE)
    yield Shape("bare: talk behind, next line", joined("", "\n"), _ONE)
    yield Shape("bare: keyword", around("answer\n", joined("", ""), ""), _ONE)
    yield Shape("bare: copied", lambda f, c: [(f"{f[0].language}\nCopy code\n", False), (f[0].code, True)], _ONE)
    yield Shape("bare: escaped", lambda f, c: [(escape(f[0].code, quote=False), True)], _ONE)
    yield Shape("bare: numbered", lambda f, c: [(parts._lines(lambda n: f"{n:4}  ")(f[0].code), True)], _ONE)
    yield Shape(
        "bare: files under headings",
        each(lambda f: [(f"### {f.name}\n\n", False), (f.code, True)], joint="\n\n", talk=False),
        ("several",),
    )


def _tools() -> Iterator[Shape]:
    def inside(opening: str, item: tuple[str, str], closing: str, joint: str = "\n") -> Build:
        return around(opening, each(wrapped(*item), joint, talk=False), closing)

    action = ('<boltAction type="file" filePath="NAME">\n', "\n</boltAction>")
    shell = '<boltAction type="shell">npm install && npm run dev</boltAction>\n'
    yield Shape("tool: bolt", inside('<boltArtifact id="a" title="b">\n', action, "\n</boltArtifact>\n"))
    yield Shape(
        "tool: bolt with talk",
        around(
            "Sure, I'll build it.\n\n",
            inside('<boltArtifact id="a" title="b">\n' + shell, action, "\n</boltArtifact>"),
            "\n\nThe <nav> wraps.",
        ),
    )
    yield Shape(
        "tool: lovable",
        inside("<lov-code>\n", ('<lov-write file_path="NAME">\n', "\n</lov-write>"), "\n</lov-code>\nDone."),
    )
    yield Shape(
        "tool: lovable with a thought",
        around(
            "<lov-thinking>\nhm\n</lov-thinking>\n",
            inside("<lov-code>\n", ('<lov-write file_path="NAME">\n', "\n</lov-write>"), "\n</lov-code>\nDone."),
            "",
        ),
    )
    yield Shape(
        "tool: dyad",
        inside(
            "",
            ('<dyad-write path="NAME" description="d">\n', "\n</dyad-write>"),
            "\n<dyad-chat-summary>A page</dyad-chat-summary>",
        ),
    )
    yield Shape(
        "tool: v0", inside('<CodeProject id="demo">\n\n', ('```LANG file="NAME"\n', "\n```"), "\n\n</CodeProject>\n")
    )
    yield Shape(
        "tool: Claude",
        around(
            "<antThinking>Good for an artifact.</antThinking>\n",
            each(wrapped('<antArtifact identifier="a" type="MIME" title="A">\n', "\n</antArtifact>")),
            "",
        ),
        _ONE,
    )
    calls = (
        '<invoke name="write">\n<parameter name="file_path">NAME</parameter>\n<parameter name="content">',
        "</parameter>\n</invoke>",
    )
    yield Shape("tool: function calls", inside("I will write it.\n\n<function_calls>\n", calls, "\n</function_calls>"))
    named = (
        calls[0].replace("invoke", "antml:invoke").replace("parameter", "antml:parameter"),
        calls[1].replace("invoke", "antml:invoke").replace("parameter", "antml:parameter"),
    )
    yield Shape("tool: function calls with a prefix", inside("<function_calls>\n", named, "\n</function_calls>"))
    yield Shape("tool: files in a list", inside("<files>\n", ('<file path="NAME">\n', "\n</file>"), "\n</files>"))
    yield Shape(
        "tool: project",
        inside(
            "<project>\n<files>\n",
            ("<file><path>NAME</path><content><![CDATA[", "]]></content></file>"),
            "\n</files>\n</project>",
        ),
    )
    yield Shape(
        "tool: documents",
        inside(
            "<documents>\n",
            ("<document>\n<source>NAME</source>\n<document_content>\n", "\n</document_content>\n</document>"),
            "\n</documents>",
        ),
    )
    yield Shape(
        "tool: aider whole", each(lambda f: [(f"{f.name}\n```{f.language}\n", False), (f.code, True), ("\n```", False)])
    )
    yield Shape(
        "tool: boxed", lambda f, c: [("<|begin_of_box|>", False), (f[0].code, True), ("<|end_of_box|>", False)], _ONE
    )
    yield Shape(
        "tool: sandpack",
        around(
            '{"template": "react", "files": {',
            each(wrapped('"/NAME": {"code": "', '"}', parts._dumped), ", ", talk=False),
            "}}",
        ),
    )


def _asides() -> Iterator[Shape]:
    """Wrappers with talk and words beside the code, shells that write files, an answer in one string."""

    def inside(opening: str, item: tuple[str, str], closing: str) -> Build:
        return around(opening, each(wrapped(*item), "\n", talk=False), closing)

    deepseek = (
        '<｜DSML｜invoke name="write">\n<｜DSML｜parameter name="path" string="true">NAME</｜DSML｜parameter>\n'
        '<｜DSML｜parameter name="content" string="true">',
        "</｜DSML｜parameter>\n</｜DSML｜invoke>",
    )
    yield Shape("tool: DeepSeek", inside("<｜DSML｜function_calls>\n", deepseek, "\n</｜DSML｜function_calls>"))
    heredoc = ("cat > NAME << 'EOF'\n", "\nEOF")
    yield Shape("tool: shell", inside("```bash\nmkdir -p src\n", heredoc, "\nnpm run dev\n```"))
    yield Shape("tool: shell without a fence", inside("", heredoc, "\n"))
    lovable = "<lov-code>\n<lov-add-dependency>motion@latest</lov-add-dependency>\n\n"
    write = ('<lov-write file_path="NAME">\n', "\n</lov-write>")
    yield Shape(
        "tool: lovable with packages", inside(lovable, write, '\n<lov-delete file_path="a.tsx" />\n</lov-code>')
    )
    change = (
        "<change>\n<file>NAME</file>\n<description>A <nav></description>\n<content><![CDATA[",
        "]]></content>\n</change>",
    )
    yield Shape("tool: changes", inside("<changes>\n", change, "\n</changes>"))
    explained = "<response>\n<explanation>I use <nav></explanation>\n"
    yield Shape("tool: explained", inside(explained, ("<code>\n", "\n</code>"), "\n</response>"), _ONE)
    yield Shape("json: one string", each(wrapped('"', '"', parts._dumped), talk=False), _ONE)
