"""What of MMEngine's message hub goes into a checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from mmengine.logging import MessageHub, print_log

from ..checkpoint.files import is_readable


@contextmanager
def readable_only(hub: MessageHub) -> Iterator[None]:
    """Take what could not be read again out of the message hub while a checkpoint is saved.

    Metrics and hooks may put anything there. The package reads tensors, numbers, text and
    containers of them, and nothing that could run code; one other entry would make its own
    checkpoint unreadable. A warning names the entry.

    Example:
        >>> hub = MessageHub.get_instance('example')
        >>> hub.update_info('best_score', 0.5)
        >>> with readable_only(hub):
        ...     hub.state_dict()['runtime_info']['best_score']
        0.5
    """
    infos = hub.runtime_info
    complete = dict(infos)
    for key, value in complete.items():
        if hub._resumed_keys.get(key) and not is_readable(value):
            _warn(key, type(value).__name__)
            del infos[key]
    try:
        yield
    finally:
        infos.clear()
        infos.update(complete)


@lru_cache
def _warn(key: str, kind: str) -> None:
    print_log(
        f'{key!r} of the message hub is not saved in checkpoints: a {kind} could not be read '
        'again without running code in the file. Put numbers, text or tensors there.',
        'current',
        logging.WARNING,
    )
