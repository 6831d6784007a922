"""How a run is named."""

from __future__ import annotations

import pytest

from watcher.model import Reason, UimonError
from watcher.trackers.wandb import RunRef
from watcher.trackers.wandb.run import CLOUD, RunFacts, missing_run


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abc", RunRef("env-team", "env-project", "abc")),
        ("team/ui/abc", RunRef("team", "ui", "abc")),
        ("https://wandb.ai/team/ui/runs/abc", RunRef("team", "ui", "abc", CLOUD)),
        ("https://wandb.ai/team/ui/runs/abc/", RunRef("team", "ui", "abc", CLOUD)),
        ("https://app.wandb.ai/team/ui/runs/abc/workspace?nw=nwuser", RunRef("team", "ui", "abc", CLOUD)),
        ("https://forge.coreweave.com/wandb/team/ui/runs/abc", RunRef("team", "ui", "abc", CLOUD)),
        ("wandb.ai/team/ui/runs/abc", RunRef("team", "ui", "abc", CLOUD)),
        (
            "https://example.org/wandb/team/my%20ui/runs/abc",
            RunRef("team", "my ui", "abc", "https://example.org/wandb"),
        ),
        ("http://127.0.0.1:8080/team/runs/runs/abc", RunRef("team", "runs", "abc", "http://127.0.0.1:8080")),
        ("https://me:secret@W.example.org/team/ui/runs/abc", RunRef("team", "ui", "abc", "https://w.example.org")),
        ("http://[::1]:8080/team/ui/runs/abc/logs", RunRef("team", "ui", "abc", "http://[::1]:8080")),
        ("team/ui/runs/abc", RunRef("team", "ui", "abc")),
        (" abc \n", RunRef("env-team", "env-project", "abc")),
    ],
)
def test_id_path_and_url_name_a_run(text: str, expected: RunRef) -> None:
    environ = {"WANDB_ENTITY": "env-team", "WANDB_PROJECT": "env-project"}
    assert RunRef.parse(text, environ=environ) == expected


@pytest.mark.parametrize("port", ["", ":443"])
def test_the_port_that_goes_without_saying_makes_no_other_server(port: str) -> None:
    ref = RunRef.parse(f"https://h.example.org{port}/team/ui/runs/abc", environ={})
    assert ref.server == "https://h.example.org"
    assert ref.server == RunRef(None, None, "abc").server_in({"WANDB_BASE_URL": f"https://h.example.org{port}"})
    assert RunRef.parse("http://h:80/a/b/runs/c", environ={}).server == "http://h"
    assert RunRef.parse("http://h:443/a/b/runs/c", environ={}).server == "http://h:443"


def test_pages_on_a_host_of_their_own_belong_to_the_server_that_is_known() -> None:
    environ = {"WANDB_BASE_URL": "https://api.example.org:443/", "WANDB_APP_URL": "https://wandb.example.org/w/"}
    page = "https://wandb.example.org/w/team/ui/runs/abc"
    assert RunRef.parse(page, environ=environ) == RunRef("team", "ui", "abc", "https://api.example.org")
    other = "https://wandb.example.com/w/team/ui/runs/abc"
    assert RunRef.parse(other, environ=environ).server == "https://wandb.example.com/w"
    del environ["WANDB_BASE_URL"]
    assert RunRef.parse(page, environ=environ).server == "https://wandb.example.org/w"
    proxied = {"WANDB_BASE_URL": "https://proxy.example.org", "WANDB_APP_URL": "https://wandb.ai"}
    assert RunRef.parse("wandb.ai/team/ui/runs/abc", environ=proxied).server == "https://proxy.example.org"


def test_what_a_sentence_tells_to_give_can_be_pasted() -> None:
    facts = RunFacts(exists=False, searched="team/huggingface", elsewhere=("team/my project/abc",))
    sentence = missing_run(RunRef("team", "huggingface", "abc"), facts)
    assert sentence.endswith("give --project 'my project' or --run-id 'team/my project/abc'.")
    facts = RunFacts(exists=False, searched="team/huggingface", elsewhere=("my team/ui/abc",))
    assert "--entity 'my team' --project ui" in missing_run(RunRef("team", "huggingface", "abc"), facts)


def test_arguments_go_before_the_environment() -> None:
    environ = {"WANDB_ENTITY": "env-team", "WANDB_PROJECT": "env-project"}
    assert RunRef.parse("abc", "team", "ui", environ) == RunRef("team", "ui", "abc")
    assert RunRef.parse("a/b/c", "team", "ui", environ) == RunRef("a", "b", "c")


def test_project_defaults_to_the_one_hugging_face_uses() -> None:
    assert RunRef.parse("abc", environ={}) == RunRef(None, "huggingface", "abc")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "a/b",
        "a b",
        "a?b",
        "https://wandb.ai/team/ui",
        "https://wandb.ai/",
        "https://wandb.ai/site/ui/runs/abc",
        "https://wandb.ai/a/team/ui/runs/abc",
        "https://wandb.ai/team/ui/sweeps/abc",
        "ftp://example.org/team/ui/runs/abc",
        "https:///team/ui/runs/abc",
        "http://host:port/team/ui/runs/abc",
        "host.example.org/team/ui/runs/abc",
        "a//c",
        "x" * 129,
    ],
)
def test_other_text_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(UimonError, match="entity/project/id") as raised:
        RunRef.parse(text, environ={})
    assert raised.value.reason is Reason.RUN_NOT_FOUND
