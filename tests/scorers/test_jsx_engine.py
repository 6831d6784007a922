"""The embedded parser: hostile text, other processes, offsets."""

import asyncio
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers.jsx import v8
from scorers.jsx.check import check_jsx
from scorers.jsx.engine import MAX_CHARACTERS, SourceKind, read_source

BROKEN = "const a = <b>x</c>"


def _issues(code: str) -> list[str]:
    return [issue.code for issue in check_jsx(code).issues]


@pytest.mark.parametrize("piece", ["<div>", "(", "{", "[", "a?", "!", "a<", "`${", "() => <a b={", "if (a) {} else "])
def test_nesting_beyond_the_stack_is_an_outcome_and_its_beginning_is_read(piece: str) -> None:
    source = read_source("<p className='flex' />;" + piece * 20_000)
    assert (source.unread, source.classes) == ("too_deep", ("flex",))
    assert 100 < source.end < 23 + 20_000 * len(piece)


@pytest.mark.parametrize("text", ['"', "`", "/*", "<!--", "\x00", "\ud800", "\u2028", "\u202e", "&", "</a>"])
def test_long_runs_of_one_piece_end(text: str) -> None:
    assert read_source(text * (MAX_CHARACTERS // len(text) // 4)).unread is None


def test_only_the_beginning_of_a_text_that_is_too_large_is_read() -> None:
    code = "<p className='flex' />;" + "a;\n" * MAX_CHARACTERS
    (issue,) = check_jsx(code).issues
    assert (issue.code, issue.position.line > 100_000, read_source(code).classes) == ("too_large", True, ("flex",))


@pytest.mark.parametrize("code", ["const a = `", "function f() {", "const a = <p>", "let a; let a; "])
def test_of_a_text_that_is_too_large_nothing_else_is_said(code: str) -> None:
    assert _issues(code + "x.y.z;\n" * MAX_CHARACTERS) == ["too_large"]


@pytest.mark.parametrize("piece", ["export ", "async ", "a<", "declare "])
def test_a_text_that_keeps_the_parser_looking_ahead_is_given_up_and_the_next_one_is_read(piece: str) -> None:
    assert _issues(piece * (60_000 // len(piece))) in (["too_complex"], ["too_deep"])
    assert _issues(f"{BROKEN}// after {piece}") == ["mismatched_tag"]


def test_a_busy_machine_says_the_same_as_an_idle_one() -> None:
    code = "async " * 1_500
    idle = _issues(code)
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        read_source.cache_clear()
        assert _issues(code) == idle
    finally:
        for process in busy:
            process.kill()
            process.wait()


def test_where_the_compiler_itself_fails_the_code_is_called_so() -> None:
    assert _issues("@a export await b C {}") == ["parser_failed"]
    assert _issues(BROKEN + "// after a failure") == ["mismatched_tag"]


@given(
    st.lists(
        st.sampled_from(("{", "}", "(", ")", "=>", "a", "=", "class A", "#x", ";", "export ", "import ", "await "))
    )
    | st.lists(st.sampled_from(("const a", "let a", "function a", "() ", "`", "'", "<a", ">", "[", "...", ":", "\n")))
)
@settings(deadline=None, max_examples=150)
def test_any_text_has_a_verdict_as_a_script_and_as_a_module(pieces: list[str]) -> None:
    code = "".join(pieces)
    for kind in (SourceKind.SCRIPT, SourceKind.MODULE, SourceKind.JS, SourceKind.TS):
        source = read_source(code, kind)
        assert source.unread in (None, "parser_failed")
        offsets = [error.offset for error in source.errors] + [error.offset for error in source.early or ()]
        assert all(0 <= offset <= len(code) for offset in offsets)


def test_no_clock_decides() -> None:
    assert v8.MAX_SECONDS >= 600


def test_a_heap_that_is_full_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    v8.close()
    with monkeypatch.context() as limited:
        limited.setattr(v8, "MAX_MEMORY", 16 << 20)
        assert _issues("<a>{b}</a>;" * 50_000) == ["too_complex"]
    assert _issues(BROKEN + "// after it") == ["mismatched_tag"]


@given(st.text(max_size=200) | st.text("<>/{}()[]'\"`=&$;:,. \nabAB", max_size=80))
@settings(deadline=None, max_examples=200)
def test_any_text_has_a_verdict_with_places_inside_it(code: str) -> None:
    lines = code.split("\n")
    for issue in check_jsx(code).issues:
        assert 1 <= issue.position.line <= len(lines)
        assert 1 <= issue.position.column <= len(lines[issue.position.line - 1]) + 1


def test_threads_and_event_loops_share_the_engine() -> None:
    async def inside() -> list[str]:
        return _issues(BROKEN + "// in a loop")

    assert asyncio.run(inside()) == ["mismatched_tag"]
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(len, pool.map(_issues, [f"{BROKEN}// {n}" for n in range(20)]))) == {1}


def test_what_takes_too_long_is_ended_and_the_engine_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert v8.evaluate("1 + 1") == 2
    with monkeypatch.context() as short:
        short.setattr(v8, "MAX_SECONDS", 0.2)
        with pytest.raises(TimeoutError):
            v8.evaluate("for (;;) {}")
    assert v8.evaluate("1 + 1") == 2


def test_an_event_loop_goes_on_where_it_was() -> None:
    async def inside() -> int:
        assert v8.evaluate("1 + 1") == 2
        # Neither the running loop nor its tasks may have been mistaken for the engine's.
        return await asyncio.create_task(asyncio.sleep(0, result=3))

    assert asyncio.run(inside()) == 3


def test_a_forked_child_makes_its_own_engine() -> None:
    assert _issues(BROKEN) == ["mismatched_tag"]
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        assert pool.submit(_issues, BROKEN + "// forked").result(timeout=30) == ["mismatched_tag"]


@pytest.mark.parametrize("after", ["", "import os, sys\nif os.fork() == 0: sys.exit(0)\nos.wait()\n"])
def test_a_process_that_used_the_engine_ends_and_so_do_its_children(after: str) -> None:
    script = f"from scorers.jsx.check import check_jsx\ncheck_jsx('<a/>')\n{after}"
    # Several, because a V8 that nobody closed hangs only now and then.
    started = [subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE) for _ in range(6)]
    try:
        assert [(process.wait(timeout=40), process.communicate()[1]) for process in started] == [(0, b"")] * 6
    finally:
        for process in started:
            process.kill()
