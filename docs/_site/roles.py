"""Show roles (``:class:`Name```) and examples of the docstrings as code in the API reference."""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r':(?:class|func|meth|data|mod|attr|obj):`([^`]+)`')


class Roles(griffe.Extension):
    """Replaces each role by its target, of which ``~`` leaves the last part, and ``Example:``.

    The parser of Google's docstrings knows the section ``Examples:`` alone.
    """

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Change the docstring of an object."""
        if obj.docstring:
            text = ROLE.sub(_as_code, obj.docstring.value)
            obj.docstring.value = re.sub(r'^Example:$', 'Examples:', text, flags=re.MULTILINE)


def _as_code(role: re.Match[str]) -> str:
    target = role[1]
    return f'`{target.rpartition(".")[2] if target.startswith("~") else target}`'
