"""Checks of the installed versions of the libraries."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import PurePath

from packaging.specifiers import SpecifierSet


@dataclass(frozen=True)
class Library:
    """A library and the versions of it that this package works with.

    Attributes:
        module: name of the module that is imported.
        distribution: name of the distribution that is installed; for OpenMMLab's libraries that of
            the maintained continuation.
        specifier: range of versions, the same as in setup.cfg.
        upstream: names of OpenMMLab's own distributions of the same module.

    Example:
        >>> Library('torch', 'torch', '>=2.6,<2.14').check('2.11.0')
    """

    module: str
    distribution: str
    specifier: str
    upstream: tuple[str, ...] = ()

    def check(self, found: str) -> None:
        """Compare an installed version with ``specifier``.

        Raises:
            ImportError: the version is outside ``specifier``; the message says how to install one
                that works.
        """
        if not SpecifierSet(self.specifier).contains(found, prereleases=True):
            raise ImportError(
                f'{self.module} {found} is installed; mcl_plugins works with {self.module} '
                f'{self.specifier}. {self.how_to_install()}'
            )

    def how_to_install(self) -> str:
        """An instruction that installs a version inside ``specifier``."""
        return (
            f'Run "pip install \'{self.distribution}{self.specifier}\'", '
            'or in a checkout "bash tools/setup_env.sh".'
        )

    def installed(self) -> list[str]:
        """The distributions of this library that are installed, the maintained one first."""
        return [name for name in (self.distribution, *self.upstream) if find_version(name)]


REQUIRED = (
    Library('torch', 'torch', '>=2.6,<2.14'),
    Library('mmengine', 'onedl-mmengine', '>=0.10.7,<1', ('mmengine', 'mmengine-lite')),
    Library('mmcv', 'onedl-mmcv', '>=2.1,<2.4', ('mmcv', 'mmcv-lite')),
    Library('mmpretrain', 'onedl-mmpretrain', '>=1.2,<2', ('mmpretrain',)),
)
OPTIONAL = (
    Library('mmseg', 'onedl-mmsegmentation', '>=1.2,<2', ('mmsegmentation',)),
    Library('mmdet', 'onedl-mmdetection', '>=3.3,<4', ('mmdet',)),
)
# With another version of it mmpretrain, which imports it if it is there, cannot be imported.
TRANSFORMERS = Library('transformers', 'transformers', '<5')


def check_versions() -> None:
    """Compare the installed libraries with the matrix, without importing any of them.

    An optional library outside the matrix causes a warning only, because everything that does not
    need it works. Two distributions of the same library cause a warning as well: the one that was
    installed later may have replaced all files of the other, and then the library works.

    Raises:
        ImportError: a required library is absent, or its version is outside the matrix; the message
            says how to install one that works. Or the system is Windows.
    """
    if find_spec('fcntl') is None:
        raise ImportError(
            'mcl_plugins runs on Linux: its processes share files by locks of POSIX (the module '
            'fcntl), which Windows does not have. Install it in WSL 2, '
            'https://learn.microsoft.com/windows/wsl/install.'
        )
    for library in REQUIRED:
        distributions = library.installed()
        if not distributions and find_spec(library.module) is None:
            raise ImportError(f'{library.module} is not installed. {library.how_to_install()}')
        # The list is empty if the library is on the path without being installed.
        for distribution in distributions:
            library.check(find_version(distribution) or '')
    check_transformers()
    for library in OPTIONAL:
        for distribution in library.installed():
            try:
                library.check(find_version(distribution) or '')
            except ImportError as error:
                warnings.warn(str(error), stacklevel=2)
    if message := describe_doubles():
        warnings.warn(message, stacklevel=2)


def asks_for_doctor(argv: Sequence[str]) -> bool:
    """Whether a process was started as ``mcl doctor``, which reports faults instead of raising.

    Args:
        argv: of the process; ``-m`` stands for a module that Python is about to run.

    Example:
        >>> asks_for_doctor(['/usr/bin/mcl', 'doctor']), asks_for_doctor(['-m', 'doctor'])
        (True, True)
        >>> asks_for_doctor(['tools/doctor.py']), asks_for_doctor(['mcl', 'train', 'doctor'])
        (True, False)
    """
    name = PurePath(argv[0]).name if argv else ''
    return name == 'doctor.py' or (name in ('mcl', '-m') and list(argv[1:2]) == ['doctor'])


def check_transformers() -> None:
    """Raise an ImportError if a version of transformers is installed that breaks mmpretrain."""
    found = find_version(TRANSFORMERS.distribution)
    if found and not SpecifierSet(TRANSFORMERS.specifier).contains(found, prereleases=True):
        raise ImportError(
            f'transformers {found} is installed, with which mmpretrain cannot be imported. '
            f'{TRANSFORMERS.how_to_install()}'
        )


def describe_doubles() -> str | None:
    """Return the warning about libraries that are installed from two distributions at once.

    OpenMMLab's distributions and the ``onedl-*`` ones contain the same files. pip does not know
    that they conflict. It overwrites one with the other, and uninstalling either removes the files
    that both need.

    Returns:
        The warning, or None if each library comes from one distribution.
    """
    doubles = [names for library in (*REQUIRED, *OPTIONAL) if len(names := library.installed()) > 1]
    if not doubles:
        return None
    together = ' and '.join(', '.join(names) for names in doubles)
    every = ' '.join(name for names in doubles for name in names)
    maintained = ' '.join(names[0] for names in doubles)
    return (
        f'These distributions contain the same files: {together}. Uninstall them all and install '
        f'one of each: "pip uninstall -y {every}", then "pip install {maintained}".'
    )


def find_version(distribution: str) -> str | None:
    """Return the installed version of a distribution, or None if it is not installed.

    Example:
        >>> find_version('no-such-distribution') is None
        True
    """
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def installed_versions() -> dict[str, str]:
    """Return the versions of the libraries that this package needs, by distribution.

    They may come from OpenMMLab's distributions or from those that continue them.

    Example:
        >>> 'torch' in installed_versions()
        True
    """
    names = [name for library in REQUIRED for name in library.installed()]
    return {name: find_version(name) or '' for name in names}
