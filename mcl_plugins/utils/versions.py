"""The versions of the libraries that this package works with."""

from __future__ import annotations

import importlib
import warnings
from importlib.metadata import PackageNotFoundError, version

from packaging.specifiers import SpecifierSet

# Module -> maintained distribution and versions. OpenMMLab's own releases have the same modules.
REQUIRED = {
    'torch': ('torch', '>=2.6,<2.14'),
    'mmengine': ('onedl-mmengine', '>=0.10.7,<1'),
    'mmcv': ('onedl-mmcv', '>=2.1,<2.4'),
    'mmpretrain': ('onedl-mmpretrain', '>=1.2,<2'),
}
OPTIONAL = {
    'mmseg': ('onedl-mmsegmentation', '>=1.2,<2'),
    'mmdet': ('onedl-mmdetection', '>=3.3,<4'),
}


def check_versions() -> None:
    """Check what is installed against the matrix.

    An optional library of another version is only warned of: what does not need it works.

    Raises:
        ImportError: a required library is absent or of another version; names the remedy.
    """
    for name, (distribution, specifier) in REQUIRED.items():
        try:
            found = importlib.import_module(name).__version__
        except ModuleNotFoundError as error:
            remedy = _remedy(distribution, specifier)
            raise ImportError(f'{name} is not installed. {remedy}') from error
        check_version(name, distribution, specifier, found)
    for name, (distribution, specifier) in OPTIONAL.items():
        try:
            check_version(name, distribution, specifier, version(distribution))
        except PackageNotFoundError:
            continue
        except ImportError as error:
            warnings.warn(str(error), stacklevel=2)


def check_version(name: str, distribution: str, specifier: str, found: str) -> None:
    """Raise an ImportError if version ``found`` of the library is outside ``specifier``."""
    if not SpecifierSet(specifier).contains(found, prereleases=True):
        raise ImportError(
            f'{name} {found} is installed; mcl_plugins works with {name} {specifier}. '
            + _remedy(distribution, specifier)
        )


def _remedy(distribution: str, specifier: str) -> str:
    return f'Run "bash tools/setup_env.sh" or: pip install "{distribution}{specifier}"'
