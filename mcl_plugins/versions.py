"""The versions of the libraries that this package works with."""

from __future__ import annotations

import importlib

from packaging.specifiers import SpecifierSet

# Module names, so that both the maintained distributions (onedl-*) and OpenMMLab's own count.
REQUIRED = {
    'torch': '>=2.6,<2.14',
    'mmengine': '>=0.10.7,<1',
    'mmcv': '>=2.1,<2.4',
    'mmpretrain': '>=1.2,<2',
}
OPTIONAL = {'mmseg': '>=1.2,<2', 'mmdet': '>=3.3,<4'}


def check_versions() -> None:
    """Raise unless the required libraries are there in versions of the matrix.

    Raises:
        ImportError: names the library, its version, the range and the remedy.
    """
    for name, specifier in REQUIRED.items():
        check_version(name, specifier, importlib.import_module(name).__version__)


def check_version(name: str, specifier: str, version: str) -> None:
    """Raise an ImportError if ``version`` of the library is outside ``specifier``."""
    if not SpecifierSet(specifier).contains(version, prereleases=True):
        distribution = name if name == 'torch' else f'onedl-{name}'
        raise ImportError(
            f'{name} {version} is installed; mcl_plugins works with {name} {specifier}. '
            f'Run "bash tools/setup_env.sh" or: pip install "{distribution}{specifier}"'
        )
