"""Who speaks in a conversation: the names that files have for roles, and what they stand for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

CALL: Final = "function_call"
"""What a role stands for whose turn is a call of a tool: the assistant's, with `tool_calls` for its content."""
ROLES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("user", "human", "prompter", "input"), "user"),
    **dict.fromkeys(("assistant", "gpt", "chatgpt", "bot", "chatbot", "model", "ai", "output"), "assistant"),
    "system": "system",
    **dict.fromkeys(("tool", "observation", "observations", "function_response", "tool_response"), "tool"),
    **dict.fromkeys(("function_call", "tool_call"), CALL),
    # OpenAI's and Llama's own, for which templates have no other name.
    **{name: name for name in ("developer", "function", "ipython")},
}
"""The names that ShareGPT's users, Axolotl, LLaMA-Factory, ms-swift and Unsloth have for roles; the templates' own."""


@dataclass(frozen=True, slots=True)
class RoleNames:
    """How messages are written: the keys of role and content (None: the usual ones), the file's own names of roles,
    and whether roles that mean user and assistant go to the template as they are.
    """

    role: str | None = None
    content: str | None = None
    roles: Mapping[str, str] = field(default_factory=dict)
    as_is: bool = False

    def meaning(self, role: str) -> str:
        """What a role's name stands for; itself where it is no known one.

        >>> names = RoleNames(roles={"ask": "user"})
        >>> names.meaning("human"), names.meaning("ask"), names.meaning("narrator")
        ('user', 'user', 'narrator')
        """
        return self.roles.get(role) or ROLES.get(role) or ROLES.get(role.lower(), role)

    def answers(self, role: str) -> bool:
        """Whether a role's turns are the model's to say."""
        return self.meaning(role) in ("assistant", CALL)

    def knows(self, role: str) -> bool:
        """Whether it is known who a role's name stands for."""
        return role in self.roles or role.lower() in ROLES


def notes_on(roles: Iterable[str], naming: RoleNames) -> list[str]:
    """What is to be said of these names of roles: how those are read that templates call otherwise, and which are
    unknown.

    >>> notes_on(["gpt", "narrator"], RoleNames())
    ['role gpt as assistant', '--val-format sharegpt-as-is leaves them', 'unknown role narrator as it is']
    """
    names = list(dict.fromkeys(roles))
    other = [name for name in names if naming.knows(name) and (naming.meaning(name) != name or name == CALL)]
    read = [f"role {name} " + ("as it is" if naming.as_is else f"as {_shown(naming.meaning(name))}") for name in other]
    # TRL renames the keys and leaves the roles. Who named a role does not want it left.
    left = [
        name for name in other if name not in naming.roles and (name.lower() != naming.meaning(name) or name == CALL)
    ]
    if left and not naming.as_is:
        read.append("--val-format sharegpt-as-is leaves them")
    return [*read, *(f"unknown role {name} as it is" for name in names if not naming.knows(name))]


def _shown(meaning: str) -> str:
    return "an assistant turn with tool_calls" if meaning == CALL else meaning
