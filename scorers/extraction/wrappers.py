"""Tags around code that are no markup of a page: artifacts, actions, answers, parameters of tools.

A wrapper is an element that neither HTML, SVG nor MathML has, and whose content is code or whose attributes name a file
or a language. Names alone do not tell: `<my-card>` is a custom element and `<Card>` a React component, so those two
forms of names need more evidence than a name that no page can have (`<answer>`, `<boltAction>`, `<HTML_CODE>`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from scorers.extraction.edits import begins_edit
from scorers.extraction.json_text import begins_json
from scorers.extraction.look import DOCUMENT, MODULE, TAG_AT_START, after_comments, begins_css
from scorers.extraction.names import Hint, attributes, file_name, has_code_type, hint_of_attributes
from scorers.extraction.passage import BLANK


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# HTML, with what it no longer has.
_HTML = _words(
    """
    a abbr acronym address applet area article aside audio b base basefont bdi bdo bgsound big blink blockquote
    body br button canvas caption center cite code col colgroup command content data datalist dd del details dfn
    dialog dir div dl dt element em embed fencedframe fieldset figcaption figure font footer form frame frameset
    h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe image img input ins isindex kbd keygen label legend li
    link listing main map mark marquee menu menuitem meta meter multicol nav nobr noembed noframes noscript object
    ol optgroup option output p param picture plaintext portal pre progress q rb rp rt rtc ruby s samp script
    search section select selectedcontent shadow slot small source spacer span strike strong style sub summary sup
    table tbody td template textarea tfoot th thead time title tr track tt u ul var video wbr xmp
    """
)
# SVG.
_SVG = _words(
    """
    animate animatemotion animatetransform circle clippath defs desc discard ellipse feblend fecolormatrix
    fecomponenttransfer fecomposite feconvolvematrix fediffuselighting fedisplacementmap fedistantlight
    fedropshadow feflood fefunca fefuncb fefuncg fefuncr fegaussianblur feimage femerge femergenode femorphology
    feoffset fepointlight fespecularlighting fespotlight fetile feturbulence filter foreignobject g hatch
    hatchpath line lineargradient marker mask metadata mpath path pattern polygon polyline radialgradient rect set
    stop svg switch symbol text textpath tspan use view
    """
)
# MathML.
_MATHML = _words(
    """
    annotation annotation-xml maction math menclose merror mfenced mfrac mi mmultiscripts mn mo mover mpadded
    mphantom mprescripts mroot mrow ms mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder
    munderover semantics
    """
)
# Frameworks in markup.
_FRAMEWORKS = _words(
    """
    transition transition-group keep-alive teleport suspense component router-link router-view ng-container ng-
    template ng-content app-root
    """
)
_KNOWN = _HTML | _SVG | _MATHML | _FRAMEWORKS
# HTML's own elements for code: they are wrappers where a whole page or module stands in them.
_FOR_CODE = _words("code pre output xmp samp textarea listing data content text")
_MARKUP = _KNOWN - _FOR_CODE
_NAME = re.compile(r"<([\w:.-]*)")
_TAG = re.compile(r"""<([A-Za-z][\w:.-]*)(=[\w.-]+)?((?:\s(?:"[^"]*"|'[^']*'|[^<>"'])*)?)>""")
_CHILD_NAME = re.compile(r"<([A-Za-z_][\w:.-]*)(?:=[\w.-]+|\s[^<>]{0,200})?>\s{0,20}([^<>\n]{1,200}?)\s{0,20}</")
# The parts of a name that say "here is the answer", for names that could also be custom elements.
_ANSWERS = frozenset(
    ["answer", "response", "solution", "output", "code", "html", "artifact", "result", "file", "final"]
)
_ANSWER = re.compile(r"(?:^|[_:-])(?:final|answer|solution|response|output)(?:$|[_:-])", re.IGNORECASE)
_CALL = re.compile(r"tool|function|invoke|call|action$", re.IGNORECASE)
# What an edit replaces, and what by.
_OLD = re.compile(r"(?:^|[_:.-])(?:old|search|find|original)(?:[_-]?(?:str|string|text|code|content))?$", re.IGNORECASE)
_NEW = re.compile(
    r"(?:^|[_:.-])(?:new|replace|replacement|updated)(?:[_-]?(?:str|string|text|code|content))?$", re.IGNORECASE
)
# Elements around talk: what stands in them is no code, whatever it looks like.
_TALK = frozenset(
    (
        *("description", "explanation", "reasoning", "rationale", "comment", "comments", "note", "notes", "message"),
        *("intent", "purpose", "task", "instruction", "instructions", "thought", "thinking", "overview"),
    )
)
_ESCAPED = re.compile(r"&lt;[!A-Za-z]|&(?:quot|#39|#x27|apos);use (?:client|strict)")
_WORDS = re.compile(r"[^<>\n]{0,300}</([\w:.-]{1,100})\s{0,20}>")
_WORD_ONLY = re.compile(r"\s{0,20}[\w.-]{0,60}\s{0,20}</")
# Attributes that name a file in a wrapper, and something else in a component.
_TITLES = frozenset(("title", "name", "src", "location", "uri"))
# A tag is looked at up to here; a longer one is text.
_LONGEST = 4_000
_HEAD = 3_000


@dataclass(frozen=True, slots=True)
class WrapperTag:
    """A start tag: `key` is what stands after `=` in `<parameter=content>`, `found` its attributes."""

    name: str
    start: int
    end: int
    key: str
    written: str
    found: dict[str, str]

    @property
    def hint(self) -> Hint:
        """What the attributes say about the content."""
        return hint_of_attributes(self.found)

    @property
    def is_known(self) -> bool:
        """Whether HTML has an element of this name."""
        return self.name.lower() in _KNOWN and not self.key

    @property
    def is_answer(self) -> bool:
        """Whether the name says that this is the answer, as against drafts."""
        return _ANSWER.search(self.name) is not None

    @property
    def may_be_markup(self) -> bool:
        """Whether a page may have this element: HTML's, a component or a custom element."""
        return self.is_known or self.name[:1].isupper() or "-" in self.name

    @property
    def is_talk(self) -> bool:
        """Whether the name says that talk stands in it."""
        return self._says.lower() in _TALK

    @property
    def is_old(self) -> bool:
        """Whether the name says that an edit looks for this."""
        return _OLD.search(self._says) is not None

    @property
    def is_new(self) -> bool:
        """Whether the name says that an edit puts this in its place."""
        return _NEW.search(self._says) is not None

    @property
    def _says(self) -> str:
        return self.key or self.found.get("name", self.name)

    @property
    def is_call(self) -> bool:
        """Whether the name says that a tool is called."""
        return bool(self.key) or (_CALL.search(self.name) is not None and "bolt" not in self.name)


def is_markup(text: str, position: int) -> bool:
    """Whether the tag at `position` is one that a page has, and none that code may stand in."""
    name = _NAME.match(text, position, position + 40)
    return name is not None and name[1].lower() in _MARKUP


def tag_at(text: str, position: int) -> WrapperTag | None:
    """The start tag at `position` if its name is none of a page's, or one of those for code.

    >>> tag_at('<boltAction type="file">', 0).found, tag_at("<div>", 0), tag_at("<parameter=code>", 0).key
    ({'type': 'file'}, None, 'code')
    """
    match = _TAG.match(text, position, min(len(text), position + _LONGEST))
    if match is None:
        return None
    name = match[1]
    if name.lower() in _KNOWN and name.lower() not in _FOR_CODE and not match[2]:
        return None
    return WrapperTag(name, position, match.end(), (match[2] or "")[1:], match[3], attributes(match[3]))


def closing_of(text: str, tag: WrapperTag, start: int) -> tuple[int, int]:
    """Where a wrapper's content ends and its end tag ends; -1 where it has none. HTML's own elements may nest."""
    if tag.name.lower() in _KNOWN:
        return _nested_closing(text, tag, start)
    end_tag = f"</{tag.name}"
    position = start
    while (position := text.find(end_tag, position)) >= 0:
        after = position + len(end_tag)
        blank = len(text[after : after + 20]) - len(text[after : after + 20].lstrip())
        if text[after + blank : after + blank + 1] == ">":
            return position, after + blank + 1
        position = after
    return -1, -1


def _nested_closing(text: str, tag: WrapperTag, start: int) -> tuple[int, int]:
    depth = 1
    for match in re.compile(rf"<(/?){tag.name}\b[^<>]*>", re.IGNORECASE).finditer(text, start):
        depth += -1 if match[1] else 1
        if not depth:
            return match.start(), match.end()
    return -1, -1


def is_wrapper(text: str, tag: WrapperTag, first: bool, depth: int = 0, named: bool = False) -> bool:
    """Whether a tag wraps code. `first` says that no line before it begins with a tag, `named` that an element before
    it gave a file name for what comes.

    >>> def wraps(text): return is_wrapper(text, tag_at(text, 0), True)
    >>> wraps("<answer><p>a</p></answer>"), wraps("<Card><p>a</p></Card>"), wraps("<my-card><p>a</p></my-card>")
    (True, False, False)
    >>> wraps("<Artifact><!doctype html>"), wraps('<dyad-write path="a.tsx">'), wraps('<Card title="a.tsx"><p>')
    (True, True, False)
    """
    if tag.written.endswith("/") or "={" in tag.written or "{..." in tag.written:
        return False
    start = _content(text, tag.end)
    for_code = tag.is_known
    if _strong(text, start):
        return True
    if named and _WORD_ONLY.match(text, tag.end):
        return False
    if for_code:
        return (
            named
            or _escaped(text, start)
            or (first and _alone(text, tag) and tag.name.lower() != "pre" and _markup(text, start))
        )
    component = tag.name[:1].isupper() and not tag.name.isupper() and "_" not in tag.name
    coded = _markup(text, start) or _escaped(text, start)
    if (tag.hint.name or named) and not component:
        return not tag.is_talk
    if has_code_type(tag.found) or (tag.hint.name and not _TITLES & tag.found.keys()):
        return coded or not component
    if depth < 4 and _wraps_wrapper(text, tag, start, first, depth):
        return True
    if component:
        return False
    if "-" in tag.name:
        return first and coded and not tag.written.strip() and tag.name.lower().rpartition("-")[2] in _ANSWERS
    return (first and coded) or (_spoken(tag) and _holds_code(text, tag, first))


def _content(text: str, start: int) -> int:
    """Where the content of a wrapper begins to say something."""
    head = text[start : start + 500]
    return start + len(head) - len(head.lstrip(BLANK))


def _strong(text: str, start: int) -> bool:
    """Whether what begins here cannot be the content of an element of a page."""
    if text.startswith(("```", "~~~", "<![CDATA["), start):
        return True
    at = after_comments(text, start)
    if DOCUMENT.match(text, at) or MODULE.match(text, at):
        return True
    head = text[start : start + _HEAD]
    return begins_edit(head) or begins_json(head) or (begins_css(head) and head[:1] in "@:.#*")


def _markup(text: str, start: int) -> bool:
    return TAG_AT_START.match(text, after_comments(text, start)) is not None


def _escaped(text: str, start: int) -> bool:
    return _ESCAPED.match(text, start) is not None


def _alone(text: str, tag: WrapperTag) -> bool:
    """Whether a tag stands in a line of its own."""
    before = text[max(0, tag.start - 100) : tag.start].rpartition("\n")[2]
    return not before.strip(BLANK) and text[tag.end : tag.end + 1] == "\n"


def _wraps_wrapper(text: str, tag: WrapperTag, start: int, first: bool, depth: int) -> bool:
    """Whether the first child is a wrapper itself, or an element that holds nothing but a file name."""
    child = _CHILD_NAME.match(text, start, start + 500)
    if child and file_name(child[2]) and not tag.name[:1].isupper():
        return True
    inner = tag_at(text, start)
    return inner is not None and inner.name != tag.name and is_wrapper(text, inner, first, depth + 1)


def _spoken(tag: WrapperTag) -> bool:
    return tag.is_answer or bool(tag.key) or "_" in tag.name or tag.is_call


def _holds_code(text: str, tag: WrapperTag, first: bool) -> bool:
    """Whether code stands somewhere in the beginning of a wrapper that begins with talk."""
    head = text[tag.end : tag.end + _HEAD].partition(f"</{tag.name}")[0]
    return "```" in head or DOCUMENT.search(head) is not None or (first and TAG_AT_START.search(head) is not None)


def words_end(text: str, tag: WrapperTag) -> int:
    """Where an element ends that holds nothing but words in one line, or nothing; -1 for any other.

    >>> [words_end(text, tag_at(text, 0)) for text in ("<add-it>a b</add-it>", "<add-it />", "<add-it><p></add-it>")]
    [20, 10, -1]
    """
    if tag.written.endswith("/"):
        return tag.end
    found = _WORDS.match(text, tag.end)
    return found.end() if found and found[1] == tag.name else -1


def child_name(text: str, position: int) -> tuple[str, int]:
    """The file name that is all the content of the element at `position`, and where its end tag begins.

    >>> child_name("<path>src/App.tsx</path>", 0), child_name("<p>Hi</p>", 0)
    (('src/App.tsx', 17), ('', 0))
    """
    found = _CHILD_NAME.match(text, position, position + 600)
    name = file_name(found[2]) if found else ""
    return (name, found.end() - 2) if found and name else ("", 0)
