"""Which errors are the user's to mend, and what to say of them: a message instead of a trace."""

from __future__ import annotations

import dis
import errno
import inspect
import os
import re
import shlex
import subprocess
import sys
import traceback
import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

from mmengine.registry import Registry
from torch import distributed as dist

from .arguments import did_you_mean

_PACKAGE = Path(__file__).resolve().parents[1]
# Libraries that are installed under another name than they are imported by.
_DISTRIBUTIONS = {
    'cv2': 'opencv-python',
    'PIL': 'pillow',
    'skimage': 'scikit-image',
    'sklearn': 'scikit-learn',
    'yaml': 'pyyaml',
}
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
    """What to say of an error in what the user gave; None for any other, which keeps its trace.

    The former are errors that this package raised in words, those of the system (OSError), those of
    a command that was started, missing optional libraries, and what arises while MMEngine builds a
    part from its config: an argument that the part does not have, a name that is not registered, a
    value that it refuses. An error of the same types that Python or PyTorch raised ("not enough
    values to unpack") says nothing without its trace.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return _system_words(error)
    if isinstance(error, subprocess.CalledProcessError):  # which has said why
        return f'{shlex.join(map(str, error.cmd))}\nended with {error.returncode}; see above.'
    if isinstance(error, ImportError):
        return _missing_library(error)
    if isinstance(error, ValueError | OSError | FloatingPointError) and raised_here(error):
        return _without_worker_trace(error)
    if isinstance(error, TypeError | KeyError | AssertionError | ValueError):
        return _building_words(error)
    return None


def raised_here(error: BaseException) -> bool:
    """Whether a ``raise`` in this package raised an error, in this process or in a loader's worker.

    An error that was never raised has no trace to keep and counts as one.
    """
    if str(error).startswith('Caught '):  # the trace of a worker is the text
        places = re.findall(r'^  File "(.+)", line \d+, in .+\n    (.+)$', str(error), re.MULTILINE)
        own = [Path(file).is_relative_to(_PACKAGE) for file, _ in places]
        return bool(places) and own[-1] and places[-1][1].startswith('raise')
    steps = list(traceback.walk_tb(error.__traceback__))
    if not steps:
        return True
    frame = steps[-1][0]
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    instruction = frame.f_code.co_code[trace.tb_lasti] if trace is not None else 0
    own = Path(frame.f_code.co_filename).is_relative_to(_PACKAGE)
    return own and dis.opname[instruction] == 'RAISE_VARARGS'


def _missing_library(error: ImportError) -> str | None:
    """How to install an optional library; None if what is missing is a part of this package.

    MMEngine's visualisers say it themselves, in words.
    """
    said = re.search(r'pip install ([\w -]+\w)', str(error))
    name = (getattr(error, 'name', None) or '').partition('.')[0]
    if said is None and (
        not isinstance(error, ModuleNotFoundError)
        or name in ('', _PACKAGE.name)
        or name in sys.stdlib_module_names
    ):
        return None
    library = said[1] if said else _DISTRIBUTIONS.get(name, name)
    used = library.split()[-1]
    return (
        f'{used} is not installed, which a part of the config needs (a visualiser or a hook).\n'
        f'Install it: python -m pip install {library}\nOr leave that part out.'
    )


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
    reason = str(error.args[0] if error.args else type(error).__name__)
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
