"""How samples are scored: the plug-in scorers that `--scorer` names, and the theme of `--theme`.

Scorers live in processes of their own (see `plugin_host`): one that hangs is killed after a while, and fails for that
sample alone. What such a process prints goes into the log, line by line: a scorer may print what a model wrote.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, Any, cast

from scorers import Completion, Plugin, Sample, Theme, ThemeError, given_theme
from watcher.model import Reason, UimonError
from watcher.output.printable import printable
from watcher.system.child import Child

log = logging.getLogger("uimon")

_MEASURE_SECONDS = 30.0
"""Longest time for one sample; a page of some thousand tokens is measured in milliseconds."""
_OTHER_SECONDS = 60.0
"""Longest time for the start with its imports, and for the aggregate of all samples."""
_END_SECONDS = 2.0
"""Longest time for its end, after which it is killed."""
_HANGS = 3
"""So often in a row a scorer may hang: a whole set of samples that each take half a minute would hold up the watch."""
_LONGEST_ANSWER = 16 * 2**20
_LONGEST_LINE = 4096
_LAST_WORDS_SECONDS = 1.0


def isolated_plugins(named: Iterable[str]) -> tuple[Plugin, ...]:
    """Load plug-in scorers, each in a process of its own.

    Args:
        named: `legacy`, the names of installed entry points, or places such as `FILE.py:NAME`.

    Returns:
        The plug-ins in that order. `end_plugins` ends their processes, and so does the end of this one.

    Raises:
        UimonError: CONFIG_INVALID for a plug-in that cannot be loaded, or for two of one name.
    """
    with ExitStack() as unless_all:
        plugins = tuple(_isolated(text, unless_all) for text in named)
        names = [plugin.name for plugin in plugins]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            sentence = f"Two scorers are called {doubled[0]}; name one of them only, or rename it."
            raise UimonError(Reason.CONFIG_INVALID, sentence)
        unless_all.pop_all()
    return plugins


def end_plugins(plugins: Iterable[Plugin]) -> None:
    """End the processes of these plug-ins."""
    for plugin in plugins:
        if isinstance(plugin, IsolatedPlugin):
            plugin.remote.end()


@contextmanager
def plugged(named: Iterable[str]) -> Iterator[tuple[Plugin, ...]]:
    """`isolated_plugins`, which end with the context."""
    plugins = isolated_plugins(named)
    try:
        yield plugins
    finally:
        end_plugins(plugins)


def named_theme(named: Sequence[str]) -> Theme | None:
    """Read the theme that the model writes against.

    Args:
        named: `shadcn`, and paths of style sheets or Tailwind configurations. The first that defines a name wins.

    Returns:
        The theme, or None if nothing is named.

    Raises:
        UimonError: CONFIG_INVALID for one that cannot be read, or that defines no theme.
    """
    try:
        return given_theme(named)
    except ThemeError as error:
        raise UimonError(Reason.CONFIG_INVALID, str(error)) from error


def theme_note(theme: Theme | None) -> str:
    """What the theme takes from code that uimon does not read, in a sentence; empty where it reads all of it."""
    if theme is None or not theme.unread:
        return ""
    return (
        f"The theme takes names from code that uimon does not read ({'; '.join(theme.unread)}): classes of these "
        "names count as unknown; define them in the file itself, or in a style sheet that --theme names as well."
    )


class PluginDied(Exception):
    """The scorer's process gave no answer; the text says why."""


class Remote:
    """A scorer in its own process, which is started when it is needed. Use from one thread at a time.

    A fork of this process starts one of its own: two that talk to the same one would read each other's answers.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._child: Child | None = None
        self._owner = os.getpid()
        self._forked = False
        self._hangs = 0
        said = self._start()
        self.name, self.version = str(said["name"]), str(said["version"])
        self.content = str(said["content"])

    def ask(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """The answer to one request. Raises PluginDied where none comes within `seconds`."""
        if self._hangs >= _HANGS:
            raise PluginDied(f"it hung {_HANGS} times in a row and is not asked again")
        try:
            if self._owner != os.getpid():
                self._owner, self._child, self._forked = os.getpid(), None, True
            if self._child is None:
                self._start()
            assert self._child is not None
            self._child.lines.send_object(request, seconds)
            said = self._child.lines.receive_object(seconds, _LONGEST_ANSWER)
        except TimeoutError:
            self.end()
            self._hangs += 1
            raise PluginDied(f"it took longer than {seconds:.0f} s and was ended") from None
        except (OSError, EOFError, ValueError, UimonError) as error:
            self.end()
            raise PluginDied(f"its process ended ({error})") from None
        self._hangs = 0
        return said

    def measure(self, completion: Completion, sample: Sample) -> Any:
        """A plug-in in its own process is asked by `IsolatedPlugin.measured`."""
        raise NotImplementedError

    def aggregate(self, measurements: Sequence[Any]) -> Mapping[str, float | None]:
        """A plug-in in its own process is asked by `IsolatedPlugin.aggregated`."""
        raise NotImplementedError

    def end(self) -> None:
        """End the process, with what it has started; harmless without one."""
        child, self._child = self._child, None
        if child is not None:
            # It may have something to write or to say as it ends.
            child.end(_END_SECONDS)
            # Longer only where somebody outside of its family holds on to its standard error.
            self._hearer.join(_LAST_WORDS_SECONDS)

    def _start(self) -> dict[str, Any]:
        """What the new process says of the scorer. Raises UimonError(CONFIG_INVALID) where it cannot be loaded."""
        # Behind two dashes a name that begins with one is no option.
        child = Child("watcher.evaluation.plugin_host", ["--", self._text], output=subprocess.PIPE)
        self._child = child
        heard = (child.output, self._text, _write if self._forked else _log)
        self._hearer = threading.Thread(target=_log_lines, args=heard, daemon=True)
        self._hearer.start()
        try:
            said = child.lines.receive_object(_OTHER_SECONDS, _LONGEST_ANSWER)
        except (OSError, EOFError, ValueError) as error:
            self.end()
            how = "its import hangs" if isinstance(error, TimeoutError) else "its process ended"
            raise UimonError(Reason.CONFIG_INVALID, f"The scorer {self._text} cannot be loaded: {how}.") from None
        if "error" in said:
            self.end()
            raise UimonError(Reason.CONFIG_INVALID, str(said["error"]))
        return said


@dataclass(frozen=True, slots=True)
class IsolatedPlugin(Plugin):
    """A plug-in whose scorer is in a process of its own."""

    @property
    def remote(self) -> Remote:
        """The scorer's process."""
        return cast("Remote", self.scorer)

    def measured(self, completion: Completion, sample: Sample) -> dict[str, Any]:
        """`{"value": …}` or `{"error": …}`; never raises."""
        asked = {"text": completion.text, "truncated": completion.truncated, "source": completion.source}
        asked |= {"prompt": completion.prompt}
        try:
            return self.remote.ask({"measure": asked, "sample": sample.to_dict()}, _MEASURE_SECONDS)
        except PluginDied as error:
            return {"error": str(error)}

    def aggregated(self, samples: Iterable[Sample]) -> tuple[dict[str, float | None], str]:
        """Its metrics by their full names, and in a sentence what went wrong; never raises."""
        found = [sample.extras[self.name] for sample in samples if self.name in sample.extras]
        try:
            said = self.remote.ask({"aggregate": found}, _OTHER_SECONDS)
        except PluginDied as error:
            failed = float(sum("error" in entry for entry in found))
            sentence = f"The scorer {self.name} could not aggregate its measurements ({error})."
            errors = [str(entry["error"]) for entry in found if "error" in entry]
            if errors:
                sentence = f"The scorer {self.name} failed on {len(errors)} of {len(found)} samples ({errors[0]})."
            return {f"eval/{self.name}/failed": failed}, sentence
        return dict(said["metrics"]), str(said["failure"])


def _log_lines(stream: IO[bytes], scorer: str, say: Callable[[str], None]) -> None:
    """Take down what a scorer prints, until its process and all that it has started have ended."""
    with stream:
        while line := stream.readline(_LONGEST_LINE):
            if said := line.decode(errors="replace").rstrip():
                say(f"The scorer {scorer} prints: {said}")


def _log(sentence: str) -> None:
    log.info("%s", sentence)


def _write(sentence: str) -> None:
    """For a fork: the log's locks may be held by threads that it does not have."""
    with contextlib.suppress(OSError):
        os.write(2, f"{printable(sentence)}\n".encode())


def _isolated(text: str, otherwise: ExitStack) -> Plugin:
    """The plug-in; `otherwise` ends its process, also where it cannot be loaded."""
    remote = Remote(text)
    otherwise.callback(remote.end)
    return IsolatedPlugin(remote, remote.content)
