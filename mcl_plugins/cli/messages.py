"""Messages for errors that the user can correct, printed instead of a traceback."""

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

from ..utils.versions import OPTIONAL, REQUIRED
from .arguments import did_you_mean

_PACKAGE = Path(__file__).resolve().parents[1]
# Libraries that are installed under another name than they are imported by.
_DISTRIBUTIONS = {
    'cv2': 'opencv-python',
    'PIL': 'pillow',
    'skimage': 'scikit-image',
    'sklearn': 'scikit-learn',
    'yaml': 'pyyaml',
    **{library.module: library.distribution for library in (*REQUIRED, *OPTIONAL)},
}
# gloo and NCCL, when the process at the other end has ended.
_LOST = re.compile(
    'closed by peer|reset by peer|Broken pipe|Connection refused|remote process exited|'
    'failed to recv, got 0 bytes|Socket Timeout|pair closure'
)
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
    """Return the message for an error in the user's input, or None for one that keeps its trace.

    Errors in the user's input are those that this package raises with a message, errors of the
    operating system (OSError), failures of commands that were started, missing optional libraries,
    and errors while MMEngine builds a part from its config, such as an unknown argument, a name
    that is not registered or a value that the part refuses. An error of the same types that Python
    or PyTorch raised, such as "not enough values to unpack", says nothing without its traceback.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return _system_message(error)
    if isinstance(error, subprocess.CalledProcessError):  # it has printed its own message
        return f'{shlex.join(map(str, error.cmd))}\nended with {error.returncode}; see above.'
    if isinstance(error, ImportError):
        return _missing_library(error)
    if isinstance(error, ValueError | OSError | FloatingPointError) and raised_here(error):
        return _without_worker_trace(error)
    if isinstance(error, TypeError | KeyError | AssertionError | ValueError):
        return _building_message(error)
    return None


def raised_here(error: BaseException) -> bool:
    """Whether a ``raise`` in this package raised an error, in this process or in a loader's worker.

    An error that was never raised has no trace to keep and counts as one.
    """
    if str(error).startswith('Caught '):  # the trace of a worker is the text
        places = re.findall(r'^  File "(.+)", line \d+, in .+\n    (.+)$', str(error), re.MULTILINE)
        if not places:
            return False
        file, line = places[-1]
        return Path(file).is_relative_to(_PACKAGE) and line.startswith('raise')
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


def is_lost_connection(error: BaseException) -> bool:
    """Whether an error says only that another process of the run has ended.

    Example:
        >>> is_lost_connection(RuntimeError('[gloo/pair.cc:534] Connection closed by peer'))
        True
    """
    return isinstance(error, RuntimeError) and _LOST.search(str(error)) is not None


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
    return (
        f'{said[1].split()[-1] if said else name} is not installed, which a part of the config '
        'needs.\n'
        f'Install it: python -m pip install {library}\nOr leave that part out.'
    )


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
    reason = str(error.args[0] if error.args else type(error).__name__)
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
