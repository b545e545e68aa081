"""Messages for errors that the user can correct, printed instead of a traceback."""

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

_ADVICE = {
    errno.EEXIST: 'a file has the name of the folder; choose another --work-dir or --out',
    errno.ENOTDIR: 'a part of the path is a file, not a folder; choose another --work-dir or --out',
    errno.EACCES: 'choose a path that you may read or write',
    errno.EPERM: 'choose a path that you may read or write',
    errno.EROFS: 'choose a path that can be written to',
    errno.ENOSPC: 'free some space, then continue with --resume',
    errno.EDQUOT: 'free some space, then continue with --resume',
}


def describe(error: Exception) -> str | None:
    """Return the message for an error in the user's input, or None for an error in the code.

    Errors in the user's input are those that are raised with a message (ValueError,
    FileNotFoundError), errors of the operating system (OSError), failures of commands that were
    started, and errors while MMEngine builds a part from its config, such as an unknown argument or
    a name that is not registered.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return _system_message(error)
    if isinstance(error, subprocess.CalledProcessError):  # it has printed its own message
        return f'{shlex.join(map(str, error.cmd))}\nended with {error.returncode}; see above.'
    if isinstance(error, ValueError | OSError | FloatingPointError):
        return _without_worker_trace(error)
    if isinstance(error, TypeError | KeyError | AssertionError):
        return _building_message(error)
    return None


def _system_message(error: OSError) -> str:
    place = f'{error.filename}: ' if error.filename is not None else ''
    advice = _ADVICE.get(error.errno or 0)
    return f'{place}{error.strerror}{f"; {advice}" if advice else ""}.'


def _without_worker_trace(error: Exception) -> str:
    """Extract the message of an error from a loader's worker, whose text is a whole traceback."""
    text = str(error)
    if not text.startswith('Caught '):
        return text
    last = re.compile(rf'^(?:\w+\.)*{type(error).__name__}: ', re.MULTILINE)
    return last.split(text)[-1].strip()


def _building_message(error: Exception) -> str | None:
    """Say which part MMEngine was building and why it failed; None if it was not building one."""
    frames = list(_building_frames(error))
    if not frames:
        return None
    variables, function = frames[-1].f_locals, frames[-1].f_code.co_name
    kind, built = variables.get('obj_type'), variables.get('obj_cls')
    reason = str(error.args[0] if error.args else type(error).__name__).partition('\n')[0]
    if isinstance(error, KeyError) and kind and built is None:
        # MMEngine's own message has four lines with a link.
        reason = reason.partition('. Please')[0] + did_you_mean(str(kind), _names(variables))
    elif reason == 'None is not a callable object':  # MMEngine's message for an unknown optimizer
        reason = 'its optimizer.type is not registered.'
    elif unknown := re.search(r"unexpected keyword argument '(\w+)'", reason):
        reason += did_you_mean(unknown[1], _arguments(built))
    place = getattr(variables.get('registry'), 'name', function.removeprefix('build_'))
    name = getattr(built, '__name__', None) or kind or place
    advice = 'Check its names and values in the config and in --cfg-options.'
    return f'{reason if str(name) in reason else f"{name}: {reason}"}\n{advice}'


def _building_frames(error: Exception) -> Iterator[FrameType]:
    """Yield the frames of MMEngine's functions that build a part, in registry and Runner."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        module, function = frame.f_globals.get('__name__', ''), frame.f_code.co_name
        if module.startswith('mmengine.') and function.startswith('build_'):
            yield frame


def _arguments(built: Any) -> set[str]:
    """Return the arguments of a class and of the base classes to which it may pass them on."""
    classes = built.__mro__ if isinstance(built, type) else ()
    makers = [vars(kind).get('__init__') for kind in classes]
    functions = filter(inspect.isfunction, makers)  # functions in C may have no signature
    return {name for function in functions for name in inspect.signature(function).parameters}


def _names(variables: dict) -> list[str]:
    """Return the registered names where a name was looked up, here and in the libraries."""
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
    """Whether this process is the first on its machine that prints a message.

    Under torchrun each process raises the same error. The processes count messages in the store
    through which they find each other; if the store does not answer, each process prints.
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
