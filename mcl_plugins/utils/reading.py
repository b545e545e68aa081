"""Read files that a command has written before, or that a user names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_json(path: str | Path, remedy: str) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Args:
        path: the file.
        remedy: what the user can do if it is something else, the last sentence of the message.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no JSON, only the beginning of one, or holds something else.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile('w', suffix='.json') as file:
        ...     _ = file.write('{"images": [')
        ...     file.flush()
        ...     try:
        ...         read_json(file.name, 'Download it again.')
        ...     except ValueError as error:
        ...         print(str(error).rpartition('). ')[2])
        Download it again.
    """
    try:
        content = json.loads(Path(path).read_bytes())
    except ValueError as error:
        raise ValueError(f'{path} is no JSON or ends too early ({error}). {remedy}') from error
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise ValueError(f'{path} holds a JSON {kind}, an object was expected. {remedy}')
    return content
