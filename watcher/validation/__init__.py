"""Validation files: what is asked at each checkpoint, and the reference answers.

`load_val` reads a file as training reads it: `files` makes rows of bytes, `shapes` recognizes what a row is, `turns`
reads messages, `choice` is what the user said of the file, and `reading` splits off the references and says in one
sentence what was read, as what, and what was left out.
"""

from watcher.validation.choice import Choice, choose
from watcher.validation.finding import find_val
from watcher.validation.reading import ValFile, load_val

__all__ = ["Choice", "ValFile", "choose", "find_val", "load_val"]
