"""The gate, and each edge at which text leaves: nothing that steers, hides or forges passes, and ordinary text does."""

from __future__ import annotations

import io
import json
import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from tests.hostile import ORDINARY, STEERING, hostile_text, may_leave
from watcher.alerts import Episode, Rule
from watcher.alerts.delivery import payload
from watcher.ledger.checkpoint_status import CheckpointStatus
from watcher.model import Alert, AlertLevel, Reason, Row, RowKind, State
from watcher.model import Table as SampleTable
from watcher.output.printable import BLOCK, LINE, encodable, printable, printable_block, printable_document
from watcher.output.redaction import redactor
from watcher.output.terminal import Terminal, write_document
from watcher.report.live import _JsonFormatter, _TextFormatter
from watcher.trackers.wandb.wire import encode_alert, encode_row

EPISODE = Episode("k", Rule.OVERFITTING, AlertLevel.WARN, 50, "t", "e", "", "", "c", "f", (1,), "uid")


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_passes_unharmed(text: str) -> None:
    assert printable(text) == printable_block(text) == encodable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", "\\x1b[31m"),
        ("\x9b2J", "\\x9b2J"),
        ("a\r\nb", "a\\r\\nb"),
        ("\u202e", "\\u202e"),
        ("a\u200db", "a\\u200db"),
        ("👩\u200d\u200d👩", "👩\\u200d\\u200d👩"),
        ("a\ufe0f\ufe0f", "a\\ufe0f\\ufe0f"),
        ("🏴\U000e0067\U000e007f", "🏴\\U000e0067\\U000e007f"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_steers_or_hides_is_shown_as_its_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_block_keeps_its_lines_and_code_stays_code() -> None:
    assert printable_block("a\n\tb\x1b") == "a\n\tb\\x1b"
    assert encodable("<p>\x1b\u202e\x00\ud800\n</p>") == "<p>\x1b\u202e\ufffd\ufffd\n</p>"


def test_overlong_text_keeps_both_ends() -> None:
    shown = printable("start " + "x" * 10**6 + " next step")
    assert len(shown) <= LINE
    assert shown.startswith("start ")
    assert shown.endswith(" next step")
    assert "[1000016 characters]" in shown or "characters]" in shown
    assert len(printable_block("\x1b" * 10**5)) <= BLOCK


def test_secrets_never_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "local-0123456789")
    monkeypatch.setenv("UIMON_WEBHOOK", "https://chat.example/post/abcdef")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "parallel")
    said = f"key local-0123456789, hook https://chat.example/post/abcdef, hf_{'a' * 34}, https://me:pw@host, parallel"
    assert printable(said) == "key ***, hook ***, ***, https://***@host, parallel"
    assert printable_document({"a": [said]}) == {"a": [printable(said)]}
    status = CheckpointStatus(50, said, State.FAILED, Reason.UNREADABLE, said)
    shown = CheckpointStatus(50, printable(said), State.FAILED, Reason.UNREADABLE, printable(said))
    assert printable_document((status,)) == (shown,)
    assert redactor({})("sha256 " + "0a" * 32) == "sha256 " + "0a" * 32


SECRETS = (
    "wandb_v1_" + "aB3" * 20,
    "local-" + "0f" * 20,
    "hf_" + "a" * 34,
    "ghp_" + "a" * 36,
    "github_pat_" + "a1" * 20,
    "glpat-" + "a1" * 10,
    "sk-ant-api03-" + "a" * 40,
    "AKIAIOSFODNN7EXAMPLE",
    "ASIAIOSFODNN7EXAMPLE",
    "AIza" + "a1-_" * 8 + "abc",
    "xoxb-0123456789-abc",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-def",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
)
IN_CONTEXT = (
    ("http://", "user:p@ss", "@proxy:3128"),
    ("http://", "only-a-token", "@proxy:3128"),
    ("redis://", ":password", "@host/0"),
    ("https://hooks.slack.com/", "services/T00/B00/XXXX", ""),
    ("https://discord.com/api/webhooks/", "123456/abc-def", ""),
    ("https://x.webhook.office.com/", "webhookb2/1@2/IncomingWebhook/3/4", ""),
    ("Authorization: Bearer ", "abcdef0123456789", ""),
    ("{'authorization': 'Basic ", "dXNlcjpwYXNzd29yZA==", "'}"),
    ("sent with Bearer ", "abcdef.0123456789", ""),
    ("X-Api-Key: ", "0123456789abcdef", ""),
    ("https://h/x?a=1&access_token=", "abcdef123456", "&b=2"),
    ("https://s3/x?X-Amz-Signature=", "0a" * 32, ""),
    ("WANDB_API_KEY=", "0f" * 20, " python train.py"),
    ("aws_secret_access_key = ", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""),
    ('{"password": "', "hunter2*hunter2", '"}'),
)
NO_SECRETS = (
    "0a" * 20,
    "sha256 " + "0a" * 32,
    "sk-loading-spinner-container-large",
    "eos_token: '<|im_end|>', pad_token = <|endoftext|>",
    "max_tokens=8192 tokenizer=/models/tokenizer",
    '<input type="password" placeholder="Password">',
    "WANDB_API_KEY_FILE=/run/secrets/wandb_key",
    "Bearer of bad news",
    "https://unpkg.com/@scope/package@1.0",
    "--secret id=pip.conf",
)


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_known_by_its_shape(secret: str) -> None:
    assert printable_block(f"ValueError('{secret}')") == "ValueError('***')"


@pytest.mark.parametrize(("before", "secret", "behind"), IN_CONTEXT)
def test_a_secret_is_known_by_what_stands_before_it(before: str, secret: str, behind: str) -> None:
    shown = printable(f"{before}{secret}{behind}")
    assert shown == f"{before}***{behind}"
    assert printable(shown) == shown


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["-sk-", "-eyJaaaaaaaa", "://", "-----BEGIN ", "x-", "?aaa", "authorization: "])
def test_what_begins_like_many_secrets_takes_no_longer_than_other_text(piece: str) -> None:
    """A look for what ends a secret that begins at each place anew would take minutes."""
    text = piece * (200_000 // len(piece))
    assert redactor({})(text)


@pytest.mark.parametrize("text", NO_SECRETS)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redactor({})(text) == text


@pytest.mark.parametrize("name", ["MY_API_KEY", "AWS_SESSION_TOKEN", "PGPASSWORD", "DB_PASS", "SLACK_WEBHOOK_URL"])
def test_what_a_variable_calls_a_secret_never_passes(name: str) -> None:
    assert redactor({name: "a value of it"})("x a value of it y") == "x *** y"


def test_the_value_of_a_variable_is_known_however_it_is_quoted() -> None:
    value = 'p@ss/w"ord\\12\n+x'
    said = redactor({"MY_KEY": f"{value}\n"})
    for quoted in (value, repr(value)[1:-1], json.dumps(value)[1:-1], quote(value, safe=""), quote_plus(value)):
        assert said(f"x {quoted} y") == "x *** y"


@pytest.mark.parametrize("name", ["WANDB_API_KEY_FILE", "PATH", "PWD", "TOKENIZERS_PARALLELISM", "UIMON_VAL_KEYS"])
def test_what_a_variable_says_otherwise_passes(name: str) -> None:
    assert redactor({name: "a value of it"})("x a value of it y") == "x a value of it y"


def _record(text: str) -> logging.LogRecord:
    error = ValueError(text)
    return logging.LogRecord("uimon", logging.ERROR, "", 0, "%s failed: %s", (text, text), (ValueError, error, None))


def _through_the_edges(text: str) -> None:
    line = _TextFormatter("%(levelname)s %(message)s").format(_record(text))
    assert may_leave(line, lines=True)
    first, *traceback = line.split("\n")
    assert first.startswith("ERROR ")
    assert all(inner.startswith("    ") or not inner.strip() for inner in traceback)
    message = json.loads(_JsonFormatter().format(_record(text)))
    assert may_leave(message["message"])
    assert may_leave(message["traceback"], lines=True)
    document = io.StringIO()
    write_document({text: [text, {"a": text}], "number": 1.5, "none": None}, document)
    assert all(may_leave(inner) for inner in _texts(json.loads(document.getvalue())))
    row = encode_row(Row("u", RowKind.EVAL, 1, {"eval/name": text}, SampleTable(("code",), ((text,), (1,))), None, 0))
    assert may_leave(row["values"]["eval/name"])
    assert row["table"]["rows"] == ((encodable(text),), (1,))
    json.dumps(row, ensure_ascii=False).encode()
    assert "\0" not in encodable(text)
    alert = encode_alert(Alert("k", AlertLevel.WARN, text, text))
    assert may_leave(alert["title"])
    assert may_leave(alert["text"], lines=True)
    body = payload(replace(EPISODE, title=text, evidence=text, cause=text, fix=text), text)
    assert all(may_leave(inner, lines=name == "text") for name, value in body.items() for inner in _texts(value))
    assert len(json.dumps(body)) < 128 * 1024
    assert all(may_leave(shown, lines=True) for shown in _printed(text))


def _printed(text: str) -> list[str]:
    output = io.StringIO()
    console = Terminal(output)
    table = Table(text, "b")
    table.add_row(Text(text), text)
    console.print(table)
    console.print(text)
    console.print(Text(text), soft_wrap=True)
    return [output.getvalue()]


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [inner for pair in value.items() for part in pair for inner in _texts(part)]
    return [inner for part in value for inner in _texts(part)] if isinstance(value, list) else []


@given(hostile_text)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_hostile_passes_any_edge(text: str) -> None:
    _through_the_edges(text)


@pytest.mark.soak
@given(hostile_text)
@settings(max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_ten_thousand_hostile_texts_pass_no_edge(text: str) -> None:
    _through_the_edges(text)


@given(st.one_of(hostile_text, hostile_text.map(lambda text: text * 2000)))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_passed_once_passes_unchanged(text: str) -> None:
    for gate in (printable, printable_block, encodable):
        assert gate(gate(text)) == gate(text)


@pytest.mark.parametrize("text", STEERING)
def test_each_known_attack_is_stopped_at_each_edge(text: str) -> None:
    _through_the_edges(text)


def test_nothing_is_printed_beside_the_gate() -> None:
    """Consoles and documents are made in one place each; the others are a picture and programs that speak to uimon."""
    beside = re.compile(r"(?<!\w)Console\(|json\.dump\([^)]*sys\.stdout|(?<![\w.])print\(")
    allowed = {
        "leaving.py",
        "terminal.py",
        "picture.py",
        "posting.py",
        "probes.py",
        "readback.py",
        "process.py",
        "searching.py",
        "writing.py",
    }
    found = {
        (file.name, match[0])
        for file in (Path(__file__).parents[2] / "watcher").rglob("*.py")
        if file.name not in allowed
        for match in beside.finditer(re.sub(r'""".*?"""', "", file.read_text(), flags=re.DOTALL))
    }
    assert found == set()
