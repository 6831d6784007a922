"""File names, info strings and words for languages: what an answer says about a piece of code."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scorers.language import BY_WORD, LanguageSupport

# Code, but not of a page.
_OTHER = frozenset(
    [
        "bash",
        "sh",
        "shell",
        "shellscript",
        "zsh",
        "fish",
        "console",
        "tool_code",
        "tool_outputs",
        "terminal",
        "cmd",
        "bat",
        "batch",
        "powershell",
        "ps1",
        "python",
        "py",
        "python3",
        "pycon",
        "ruby",
        "rb",
        "java",
        "kotlin",
        "kt",
        "swift",
        "go",
        "golang",
        "rust",
        "rs",
        "c",
        "h",
        "cpp",
        "c++",
        "cc",
        "csharp",
        "cs",
        "c#",
        "objc",
        "php",
        "sql",
        "mysql",
        "postgresql",
        "graphql",
        "gql",
        "json",
        "jsonc",
        "json5",
        "jsonl",
        "ndjson",
        "yaml",
        "yml",
        "toml",
        "ini",
        "cfg",
        "conf",
        "env",
        "dotenv",
        "properties",
        "dockerfile",
        "docker",
        "makefile",
        "make",
        "cmake",
        "diff",
        "patch",
        "csv",
        "tsv",
        "log",
        "http",
        "curl",
        "git",
        "gitignore",
        "tree",
        "mermaid",
        "latex",
        "tex",
        "bibtex",
        "r",
        "lua",
        "perl",
        "pl",
        "scala",
        "dart",
        "elixir",
        "ex",
        "erlang",
        "haskell",
        "hs",
        "clojure",
        "prisma",
        "nginx",
        "apache",
        "vim",
        "regex",
        "proto",
        "protobuf",
        "solidity",
        "sol",
        "wasm",
        "asm",
        "lock",
        "pug",
        "jade",
        "haml",
        "slim",
        "coffeescript",
        "coffee",
        "qml",
        "xaml",
        "plist",
        "rst",
        "asciidoc",
        "pdf",
        "png",
        "jpg",
        "jpeg",
        "gif",
        "webp",
        "ico",
        "mp4",
        "woff",
        "woff2",
        "ttf",
    ]
)
# Extensions of files that hold text but say nothing about code in it.
_TEXTS = frozenset(["txt", "text", "md", "mdx", "markdown", "plaintext", "plain", "output"])
_FILE = re.compile(r"[\w@~()\[\]./$+-]*[\w)\]$]\.([A-Za-z][A-Za-z0-9]{0,9})(?![\w./-])")
_ATTRIBUTE = re.compile(r"""([\w:.-]+)\s*=\s*(?:"([^"\n]*)"|'([^'\n]*)'|\{?["'`]?([^\s"'`{}>]+))""")
# What says in an info string or in a tag which file this is.
NAMING = frozenset(
    [
        "file",
        "filename",
        "file-name",
        "file_name",
        "filepath",
        "file-path",
        "file_path",
        "path",
        "target_file",
        "targetfile",
        "target",
        "title",
        "name",
        "src",
        "uri",
        "location",
        "relative_path",
        "relativepath",
        "relative_workspace_path",
        "output_file",
        "outputfile",
        "destination",
        "dest",
    ]
)
_LANGUAGE_MIMES = {
    "application/vnd.ant.react": "tsx",
    "application/vnd.ant.html": "html",
    "application/vnd.ant.code": "",
    "image/svg+xml": "svg",
    "text/html": "html",
    "text/css": "css",
    "text/javascript": "js",
    "application/javascript": "js",
    "text/jsx": "jsx",
    "text/tsx": "tsx",
    "text/babel": "jsx",
    "text/typescript": "ts",
    "text/markdown": "markdown",
    "text/plain": "text",
}
_INFO_WORD = re.compile(r"[\w+#.-]*")


@dataclass(frozen=True, slots=True)
class Hint:
    """What an answer says about a piece of code before one looks at it: a language's word and a file name."""

    word: str = ""
    name: str = ""

    def or_else(self, other: Hint) -> Hint:
        """This hint, completed by another where it says nothing."""
        return Hint(self.word or other.word, self.name or other.name)

    @property
    def language(self) -> LanguageSupport | None:
        """The language that the file name, else the word, says."""
        return BY_WORD.get(extension(self.name)) or BY_WORD.get(self.word)

    @property
    def other(self) -> bool:
        """Whether the hint says that this is no code of a page: a shell command, data, another language."""
        ext = extension(self.name)
        return (ext or self.word) in _OTHER if is_known(ext) else self.word in _OTHER


def extension(name: str) -> str:
    """The extension of a file name, in lower case.

    >>> extension("src/App.TSX"), extension("Makefile")
    ('tsx', '')
    """
    return name.rpartition(".")[2].lower() if "." in name else ""


def is_known(word: str) -> bool:
    """Whether an extension or a word, in lower case, says anything. What says nothing leaves it to the code itself."""
    return word in BY_WORD or word in _OTHER or word in _TEXTS


def is_word(word: str) -> bool:
    """Whether a word names a language, or a kind of text, in an info string."""
    return is_known(word.lower())


def is_text(word: str) -> bool:
    """Whether a word says that a block is text in which code may stand."""
    return word in _TEXTS or word == ""


def file_name(text: str) -> str:
    """The text as a file name, empty where it is none.

    >>> file_name("src/App.tsx"), file_name(" index.html "), file_name("Next.js is"), file_name("app/[id]/page.tsx")
    ('src/App.tsx', 'index.html', '', 'app/[id]/page.tsx')
    """
    text = text.strip().strip("`*\"'").strip()
    found = _FILE.fullmatch(text[:300])
    return text if found and is_known(found[1].lower()) and len(text) <= 300 else ""


def named_in(line: str) -> str:
    """The last file name that a line of talk holds.

    >>> named_in("**src/App.tsx**"), named_in("### 2. `Card.jsx` (new)"), named_in("Use Next.js and go on")
    ('src/App.tsx', 'Card.jsx', '')
    """
    name = ""
    for found in _FILE.finditer(line[:300]):
        if is_known(found[1].lower()) and found[0].lower() not in ("next.js", "vue.js", "node.js", "react.js"):
            name = found[0]
    return name.lstrip("(").rstrip(")") if "(" not in name[1:] else name


def attributes(text: str) -> dict[str, str]:
    """The attributes of an info string or a tag: names in lower case, values without quotes.

    >>> attributes(' type="file" filePath=src/App.tsx')
    {'type': 'file', 'filepath': 'src/App.tsx'}
    """
    return {m[1].lower(): m[2] or m[3] or m[4] or "" for m in _ATTRIBUTE.finditer(text[:4_000])}


def hint_of_attributes(found: dict[str, str]) -> Hint:
    """What attributes say: `filePath="src/App.tsx"`, `type="text/html"`, `language="tsx"`."""
    name = next((file for key, value in found.items() if key in NAMING and (file := file_name(value))), "")
    word = ""
    for key in ("language", "lang", "type", "mime", "mimetype", "content-type", "contenttype", "format"):
        value = found.get(key, "").lower()
        value = _LANGUAGE_MIMES.get(value, value)
        word = word or (value if value in BY_WORD or value in _OTHER else "")
    return Hint(word, name)


def has_code_type(found: dict[str, str]) -> bool:
    """Whether attributes say a language or a media type of code."""
    values = (found.get(key, "").lower() for key in ("language", "lang", "type", "mime", "content-type", "format"))
    return any(value in _LANGUAGE_MIMES or value in BY_WORD or value.startswith("application/vnd.") for value in values)


def hint_of_info(info: str) -> Hint | None:
    """What an info string says; None where it is none but talk.

    >>> hint_of_info("tsx:src/App.tsx"), hint_of_info('html title="index.html"'), hint_of_info("App.tsx")
    (Hint(word='tsx', name='src/App.tsx'), Hint(word='html', name='index.html'), Hint(word='tsx', name='App.tsx'))
    >>> hint_of_info("That is all, folks"), hint_of_info("tsx {1,3-4} showLineNumbers")
    (None, Hint(word='tsx', name=''))
    """
    info = info.strip().strip("{}").strip()
    if not info:
        return Hint()
    first, _, rest = info.partition(" ")
    if name := file_name(info) or file_name(first.strip(",;")):
        return Hint(extension(name), name)
    word, joint, path = _split(first.lstrip("."))
    if not (joint or is_word(word)) and rest and not _ATTRIBUTE.search(rest) and not rest.lstrip().startswith("{"):
        return None if len(rest.split()) > 1 or not named_in(rest) else Hint(word.lower(), named_in(rest))
    if rest and not joint and not is_word(word) and rest.rstrip().endswith((".", "!", "?")):
        return None
    named = hint_of_attributes(attributes(rest if joint != "=" else info)).name
    path_name = file_name(path) or file_name(rest.split()[0] if rest.split() else "") or _named_after_comment(rest)
    return Hint(word.lower(), named or path_name)


def _split(first: str) -> tuple[str, str, str]:
    """`tsx:src/App.tsx` and the like: the word, what joins, the path."""
    found = _INFO_WORD.match(first)
    word = found[0] if found else ""
    rest = first[len(word) :]
    return word, rest[:1], rest[1:].strip("}{,;")


def _named_after_comment(rest: str) -> str:
    return named_in(rest) if rest.lstrip().startswith(("//", "#", "<!--", "/*", "-", "(", "|", "*")) else ""


_COMMENT_NAME = re.compile(
    r"\s*+(?://+|#+|/\*+|<!--+|\{/\*|--)?[ \t]*+(?:file(?:name|path)?|path)?[ \t]*+(?::[ \t]*+)?([^\s:]+\.\w{1,10})"
    r"[ \t]*+(?:\*/\}?|--+>)?[ \t]*+(?:\n|$)",
    re.IGNORECASE,
)
_COMMENT_SIGNS = ("//", "#", "/*", "<!--", "{/*", "--")


def name_inside(code: str) -> tuple[str, int]:
    """The file name that a first line gives, and where the code goes on: 0 if the line is a comment, which is code.

    >>> name_inside("// src/App.tsx\\nimport a"), name_inside("src/App.tsx\\nimport a"), name_inside("a.b()")
    (('src/App.tsx', 0), ('src/App.tsx', 12), ('', 0))
    """
    found = _COMMENT_NAME.match(code, 0, min(len(code), 400))
    name = file_name(found[1]) if found else ""
    if not found or not name:
        return "", 0
    return name, 0 if found[0].lstrip().startswith(_COMMENT_SIGNS) else found.end()


_SPOKEN = re.compile(
    r"^[ \t]*(?:#{1,6}[ \t]|[-*+][ \t]|\d+[.)][ \t]|\*\*|__|`|file|path|//|<!--|/\*|=+|-+)", re.IGNORECASE
)


def name_before(text: str, end: int) -> str:
    """The file name that the line before a piece of code gives: a heading, bold or inline code, a line ending in `:`.

    >>> name_before("Then:\\n\\n**src/App.tsx**\\n\\n", 24), name_before("I read App.tsx. It is long.\\n", 28)
    ('src/App.tsx', '')
    """
    bare = text[max(0, end - 400) : end].rstrip(" \t\n\u00a0\u200b\ufeff>")
    line = bare.rpartition("\n")[2].strip()
    name = named_in(line)
    if not name or len(line) > 200:
        return ""
    short = len(line) <= len(name) + 24
    return name if short or line.rstrip("*_ ").endswith(":") or _SPOKEN.match(line) else ""
