"""Check the installation: versions, imports, ops, devices, threads, shared memory.

    mcl doctor

Each line says what was found; a fault has the command that mends it. The command works where
nothing else does, because it imports the libraries one by one and says which of them fails. Its
status is 1 if there is a fault. ``mcl preflight CONFIG`` checks a training.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from ..utils import versions
from ..utils.machine import affinity_cores, core_quota
from ..utils.versions import OPTIONAL, REQUIRED, Library
from .findings import Finding, Findings, Level
from .parsers.general import doctor as parse_args

SETUP = 'bash tools/setup_env.sh'
WITH_OPS = f'{SETUP} --with-ops'
# What of a library breaks when it does not fit the others.
_PARTS = {'mmpretrain': 'mmpretrain.models', 'mmseg': 'mmseg.models', 'mmdet': 'mmdet.models'}
_SHARED = Path('/dev/shm')
_ENOUGH_SHARED = 2**30  # bytes
_DRIVER = Path('/proc/driver/nvidia/version')


def main(argv: Sequence[str] | None = None) -> None:
    """Check the installation and print what was found.

    Raises:
        SystemExit: with status 1 if there is a fault.
    """
    parse_args(argv)
    found = Findings()
    for finding in examine():
        found.add(finding)
    found.conclude()


def examine() -> Iterator[Finding]:
    """Check the installation of this Python and the machine, one part after another.

    Example:
        >>> next(examine()).subject
        'Python'
    """
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _python,
        _libraries,
        _pairs,
        _doubles,
        _imports,
        _ops,
        _devices,
        _threads,
        _shared_memory,
    )
    for check in checks:
        yield from check()


def _python() -> Iterator[Finding]:
    text = f'{platform.python_version()} on {platform.system()} {platform.machine()}'
    if (3, 10) <= sys.version_info[:2] <= (3, 12):
        yield Finding('ok', 'Python', text)
    else:
        remedy = f'PYTHON=/path/to/python3.11 {SETUP}'
        yield Finding('fault', 'Python', f'{text}; 3.10 to 3.12 are tested.', remedy)


def _libraries() -> Iterator[Finding]:
    """Each library by itself: installed, and within the range."""
    for library in (*REQUIRED, *OPTIONAL, versions.TRANSFORMERS):
        needed = library in REQUIRED
        installed = library.installed()
        if not installed:
            if needed:
                yield Finding('fault', library.module, 'not installed.', library.how_to_install())
            elif library in OPTIONAL:
                task = {'mmseg': 'segmentation', 'mmdet': 'detection'}[library.module]
                text = f'not installed; {task} needs it.'
                yield Finding('note', library.module, text, WITH_OPS)
        for distribution in installed:
            found = versions.find_version(distribution) or ''
            try:
                library.check(found)
            except ImportError:
                breaks = needed or library is versions.TRANSFORMERS
                text = f'{found}; mcl_plugins works with {library.specifier}.'
                level: Level = 'fault' if breaks else 'note'
                yield Finding(level, library.module, text, library.how_to_install())
            else:
                name = '' if distribution == library.module else f' ({distribution})'
                yield Finding('ok', library.module, f'{found}{name}')


def _pairs() -> Iterator[Finding]:
    """The version of torch that torchvision was compiled for, which its metadata name."""
    torch, torchvision = map(versions.find_version, ('torch', 'torchvision'))
    if torchvision is None:
        pinned = 'pip install torchvision, in the version that belongs to your torch'
        yield Finding('fault', 'torchvision', 'not installed; mmpretrain needs it.', pinned)
        return
    for requirement in _requirements('torchvision'):
        if requirement.name != 'torch' or torch is None:
            continue
        if requirement.specifier.contains(torch, prereleases=True):
            yield Finding('ok', 'torchvision', f'{torchvision}, for torch {torch}')
            continue
        wanted = str(requirement.specifier).removeprefix('==')
        text = (
            f'{torchvision} was compiled for torch {wanted}, but torch {torch} is installed: its '
            'operators are not found, and mmpretrain cannot be imported.'
        )
        lowest = Library('torch', 'torch', REQUIRED[0].specifier)
        try:
            lowest.check(wanted)
        except ImportError:
            remedy = SETUP
        else:
            remedy = f'pip install "torch{requirement.specifier}"'
        yield Finding('fault', 'torchvision', text, remedy)


def _requirements(distribution: str) -> list[Requirement]:
    try:
        return [Requirement(line) for line in requires(distribution) or []]
    except PackageNotFoundError:
        return []


def _doubles() -> Iterator[Finding]:
    """Two distributions of the same files."""
    if message := versions.describe_doubles():
        text, _, remedy = message.partition(' Uninstall')
        yield Finding('fault', 'twice', text, f'Uninstall{remedy}')
    wheels = [
        name
        for name in ('opencv-python', 'opencv-python-headless', 'opencv-contrib-python')
        if versions.find_version(name)
    ]
    if len(wheels) > 1:
        text = f'{" and ".join(wheels)} contain the same files.'
        remedy = f'pip uninstall -y {" ".join(wheels)}; pip install opencv-python-headless'
        yield Finding('note', 'OpenCV', text, remedy)


def _imports() -> Iterator[Finding]:
    """Import the libraries in the order in which they need each other; the first that fails."""
    required = ('numpy', 'torch', 'torchvision', 'cv2', *(part.module for part in REQUIRED[1:]))
    optional = [part.module for part in OPTIONAL if part.installed()]
    for module in (*required, *optional):
        part = _PARTS.get(module, module)
        try:
            import_module(part) if part in ('numpy', 'torch') else _import_quietly(part)
        except Exception as error:  # a library that does not fit raises anything
            reason = f'{type(error).__name__}: {error}'.splitlines()[0]
            needs_ops = module in optional and 'mmcv._ext' in str(error)
            text = f'import {part} fails: {reason}'
            level: Level = 'fault' if module in required else 'note'
            yield Finding(level, module, text, WITH_OPS if needs_ops else _mend(module))
            if module in required:
                return
    yield Finding('ok', 'imports', ', '.join(required))


def _import_quietly(module: str) -> None:
    import_module('mcl_plugins.utils.compat').import_quietly(module)  # it needs torch itself


def _mend(module: str) -> str:
    library = next((part for part in (*REQUIRED, *OPTIONAL) if part.module == module), None)
    return library.how_to_install() if library else SETUP


def _ops() -> Iterator[Finding]:
    """mmcv's compiled operators, without which it works for everything but detection."""
    if _torch() is None:
        return
    try:
        import_module('mmcv._ext')
    except ModuleNotFoundError as error:
        if error.name != 'mmcv._ext':
            return  # there is no mmcv, or not what it needs
        text = 'without compiled ops: enough for pre-training and classification, not for detection'
        yield Finding('note', 'mmcv', text, f'for detection: {WITH_OPS}')
    except Exception as error:  # of another torch
        text = f'its compiled ops do not fit this torch: {str(error).splitlines()[0]}'
        yield Finding('fault', 'mmcv', text, f'pip uninstall -y onedl-mmcv; {WITH_OPS}')
    else:
        yield Finding('ok', 'mmcv', 'with compiled ops')


def _devices() -> Iterator[Finding]:
    torch = _torch()
    if torch is None:
        return
    if not torch.cuda.is_available():
        if _DRIVER.exists():
            hidden = os.environ.get('CUDA_VISIBLE_DEVICES')
            text = f'a driver is there, but torch (CUDA {torch.version.cuda}) finds no GPU.'
            if hidden is not None:
                remedy = f'CUDA_VISIBLE_DEVICES={hidden!r} hides it: unset it'
            else:
                remedy = 'install a torch for the CUDA version that nvidia-smi shows, or the driver'
            yield Finding('fault', 'GPU', text, remedy)
        else:
            yield Finding('note', 'GPU', 'none; trainings run on the CPU, with gloo')
        return
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        precision = 'bfloat16' if bf16 else 'no bfloat16: use --amp'
        memory = properties.total_memory / 2**30
        yield Finding('ok', f'GPU {index}', f'{properties.name}, {memory:.0f} GiB, {precision}')


def _threads() -> Iterator[Finding]:
    """Cores of this process, and the share of them that a container may use."""
    cores = affinity_cores()
    torch = _torch()
    threads = torch.get_num_threads() if torch else 0
    quota = core_quota()
    if quota is not None and quota < min(cores, threads):
        whole = max(1, int(quota))
        text = (
            f'the container may use {quota:.2g} of {cores} cores, but torch starts {threads} '
            'threads, which wait for each other.'
        )
        yield Finding('note', 'threads', text, f'export OMP_NUM_THREADS={whole}')
    else:
        started = f', {threads} threads of torch' if torch else ''
        yield Finding('ok', 'threads', f'{cores} cores{started}')


def _shared_memory() -> Iterator[Finding]:
    """The memory through which the workers of a loader hand over their batches."""
    if not _SHARED.is_dir():
        return
    free = shutil.disk_usage(_SHARED).free
    text = f'{free / 2**30:.1f} GiB free in {_SHARED}'
    if free >= _ENOUGH_SHARED:
        yield Finding('ok', 'memory', text)
        return
    text = f'{text}, through which the workers of the data loaders hand over their batches.'
    remedy = 'docker run --shm-size=8g (or --ipc=host), or train_dataloader.num_workers=0'
    yield Finding('fault', 'memory', text, remedy)


def _torch() -> Any:
    """Return the module torch; None if it cannot be imported, which is said elsewhere."""
    try:
        return import_module('torch')
    except Exception:
        return None
