"""Validation files: what is asked at each checkpoint, and the reference answers.

`load_val` reads a file as training reads it: `files` makes rows of bytes, and `wrappers` finds them in what stands
around them; `shapes` recognizes what a row is, and `pairs` and `queries` read it; `turns`, `roles` and `content` read
messages, `template_variables` what the template is given beside them; `choice` is what the user said of the file; and
`reading` splits off the references and says in one sentence what was read, as what, and what was left out.
"""

from watcher.validation.choice import Choice, choose
from watcher.validation.finding import find_val
from watcher.validation.reading import ValFile, load_val

__all__ = ["Choice", "ValFile", "choose", "find_val", "load_val"]
