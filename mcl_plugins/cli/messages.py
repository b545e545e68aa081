"""Which errors are the user's to mend, and what to say of them: a message instead of a trace."""

from __future__ import annotations

import errno
import inspect
import os
import re
import shlex
import subprocess
import traceback
import zlib
from collections.abc import Iterator
from datetime import timedelta
from types import FrameType
from typing import Any

from mmengine.registry import Registry
from torch import distributed as dist

from .arguments import did_you_mean

_REMEDIES = {
    errno.EEXIST: 'a file is where a folder is to be made; choose another --work-dir or --out',
    errno.ENOTDIR: 'a file is where a folder is to be; choose another --work-dir or --out',
    errno.EACCES: 'choose a place that you may read or write',
    errno.EPERM: 'choose a place that you may read or write',
    errno.EROFS: 'choose a place that can be written to',
    errno.ENOSPC: 'make room, then go on with --resume',
    errno.EDQUOT: 'make room, then go on with --resume',
}


def describe(error: Exception) -> str | None:
    """What to say of an error in what the user gave; None for any other, a fault of the code.

    The former are errors that are raised in words (ValueError, FileNotFoundError), those of the
    system (OSError), those of a command that was started, and what arises while MMEngine builds a
    part from its config: an argument that the part does not have, a name that is not registered.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return _system_words(error)
    if isinstance(error, subprocess.CalledProcessError):  # which has said why
        return f'{shlex.join(map(str, error.cmd))}\nended with {error.returncode}; see above.'
    if isinstance(error, ValueError | OSError | FloatingPointError):
        return _without_worker_trace(error)
    if isinstance(error, TypeError | KeyError | AssertionError):
        return _building_words(error)
    return None


def _system_words(error: OSError) -> str:
    place = f'{error.filename}: ' if error.filename is not None else ''
    remedy = _REMEDIES.get(error.errno or 0)
    return f'{place}{error.strerror}{f"; {remedy}" if remedy else ""}.'


def _without_worker_trace(error: Exception) -> str:
    """The message alone of an error that a loader's worker handed on, whose text is its trace."""
    text = str(error)
    if not text.startswith('Caught '):
        return text
    last = re.compile(rf'^(?:\w+\.)*{type(error).__name__}: ', re.MULTILINE)
    return last.split(text)[-1].strip()


def _building_words(error: Exception) -> str | None:
    """What MMEngine was building when an error arose, and why it could not; None if it was not."""
    frames = list(_building_frames(error))
    if not frames:
        return None
    variables, function = frames[-1].f_locals, frames[-1].f_code.co_name
    kind, built = variables.get('obj_type'), variables.get('obj_cls')
    reason = str(error.args[0] if error.args else type(error).__name__).partition('\n')[0]
    if isinstance(error, KeyError) and kind and built is None:
        # MMEngine's own, of four lines with a link.
        reason = reason.partition('. Please')[0] + did_you_mean(str(kind), _names(variables))
    elif reason == 'None is not a callable object':  # MMEngine's on an unknown optimizer
        reason = 'its optimizer.type is not registered.'
    elif unknown := re.search(r"unexpected keyword argument '(\w+)'", reason):
        reason += did_you_mean(unknown[1], _arguments(built))
    place = getattr(variables.get('registry'), 'name', function.removeprefix('build_'))
    name = getattr(built, '__name__', None) or kind or place
    advice = 'Check the names and values that the config and --cfg-options give it.'
    return f'{reason if str(name) in reason else f"{name}: {reason}"}\n{advice}'


def _building_frames(error: Exception) -> Iterator[FrameType]:
    """MMEngine's functions that build something, in the registry and in the Runner."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        module, function = frame.f_globals.get('__name__', ''), frame.f_code.co_name
        if module.startswith('mmengine.') and function.startswith('build_'):
            yield frame


def _arguments(built: Any) -> set[str]:
    """The arguments of a class, and of those to which it hands on what it does not know."""
    classes = built.__mro__ if isinstance(built, type) else ()
    makers = [vars(kind).get('__init__') for kind in classes]
    functions = filter(inspect.isfunction, makers)  # not those in C, which may have no signature
    return {name for function in functions for name in inspect.signature(function).parameters}


def _names(variables: dict) -> list[str]:
    """What is registered where a name was looked for, here and in the libraries' registries."""
    registry = variables.get('registry')
    if not isinstance(registry, Registry):
        return []
    root = registry._get_root_registry()
    for child in root.children.values():
        if child.scope == 'mcl_plugins':
            child.import_from_location()  # it is empty until something is looked up in it
    scopes = {scope: child.module_dict for scope, child in root.children.items()}
    return [
        *registry.module_dict,
        *root.module_dict,
        *(f'{scope}.{name}' for scope, names in scopes.items() for name in names),
    ]


def is_first_to_say(message: str) -> bool:
    """Whether no other process that torchrun started on this machine has said the same.

    Under torchrun each process meets the same error. They count in the store through which they
    find each other; where it does not answer, each speaks.
    """
    if not dist.is_torchelastic_launched():
        return True
    node = os.environ.get('GROUP_RANK', '0')
    try:
        store = dist.TCPStore(
            os.environ['MASTER_ADDR'],
            int(os.environ['MASTER_PORT']),
            is_master=False,
            timeout=timedelta(seconds=5),
        )
        return store.add(f'mcl_plugins/said/{node}/{zlib.crc32(message.encode())}', 1) == 1
    except (KeyError, RuntimeError):
        return True
