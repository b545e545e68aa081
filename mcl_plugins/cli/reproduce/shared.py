"""A stage that several rows have in common is run once: the others take its result."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...checkpoint.digest import sha256_of
from ...utils.reading import read_json
from .plan import Stage


def identify(
    stages: Sequence[Stage], digests: Mapping[str, str], setting: Mapping[str, Any]
) -> dict[str, str]:
    """Return a hash of all that the result of each stage follows from.

    That is its own config and test, the stages before it from which it starts, and what is set for
    the whole chain.

    Args:
        stages: of a chain, in their order.
        digests: hash of the config of each stage.
        setting: what is the same for all stages: options, processes, the contents of the files to
            start from.

    Example:
        >>> first = Stage('1-a', 'a.py', 'train', None, None, False)
        >>> second = Stage('2-b', 'b.py', 'train', 'load_from', '1-a', True)
        >>> before = identify([first, second], {'1-a': '6c', '2-b': 'e0'}, {})
        >>> after = identify([first, second], {'1-a': '6d', '2-b': 'e0'}, {})
        >>> [before[name] == after[name] for name in ('1-a', '2-b')]
        [False, False]
    """
    found: dict[str, str] = {}
    for stage in stages:
        parts = [
            digests[stage.name],
            stage.kind,
            stage.option,
            stage.tested,
            stage.tta,
            found.get(stage.source or ''),
            dict(setting),
        ]
        text = json.dumps(parts, sort_keys=True, default=str)
        found[stage.name] = hashlib.sha256(text.encode()).hexdigest()
    return found


def content_of(file: Path | str) -> str:
    """Return what stands for the content of a file to start from: its hash.

    It is the name of one that is not on this machine, and '' without a file.

    Example:
        >>> content_of('https://example.org/mae.pth')
        'https://example.org/mae.pth'
    """
    path = Path(file).expanduser()
    return sha256_of(path) if str(file) and path.is_file() else str(file)


def find_finished(identity: str, folder: Path, state_name: str) -> dict[str, Any] | None:
    """Return the result of a stage that the chain of another row has run.

    Args:
        identity: of the stage, from :func:`identify`.
        folder: of the row that needs it; the other rows have theirs beside it, as
            ``METHOD/ROW``.
        state_name: name of the file with the results of a row.

    Returns:
        The result, with the checkpoint relative to ``folder`` and the other row as ``shared``;
        None if no row has it, or its checkpoint has been removed.
    """
    for file in sorted(folder.parents[1].glob(f'*/*/{state_name}')):
        if file.parent == folder:
            continue
        state = read_json(file, f'Remove {file.parent}: its row has to start anew.')
        for result in state['stages'].values():
            if result.get('identity') != identity:
                continue
            checkpoint = result.get('checkpoint')
            if checkpoint is None:
                path = None
            elif (file.parent / checkpoint).is_file():
                path = Path(os.path.relpath(file.parent / checkpoint, folder)).as_posix()
            else:
                continue
            origin = file.parent.relative_to(folder.parents[1]).as_posix()
            return {'shared': origin, **result, **({'checkpoint': path} if path else {})}
    return None
