"""Paths of the package's configs and tools, and of the demos' output."""

from __future__ import annotations

import difflib
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
PREFIX = 'mcl_plugins::'  # MMEngine's prefix for configs of this package


def home() -> Path:
    """Return the folder that contains ``configs/`` and ``tools/``.

    It is the root of a checkout, or the folder ``.mim`` of an installed package.

    In a checkout ``.mim`` contains links to both, because MMEngine looks for configs only there.
    """
    return (PACKAGE / '.mim' / 'configs').resolve().parent


def workspace() -> Path:
    """Return the folder in which the demos store images and results.

    It is the root of a checkout, or the current folder if the package is installed.
    """
    return Path.cwd() if home().parent == PACKAGE else home()


def find_config(name: str | Path) -> Path:
    """Find a config file by its path, or by its name in this package.

    Args:
        name: a path; or ``conmim/vit-b.py``, ``configs/conmim/vit-b.py`` or
            ``mcl_plugins::conmim/vit-b.py`` for ``configs/conmim/vit-b.py`` of this package.

    Raises:
        FileNotFoundError: neither exists; the message lists similar names.

    Example:
        >>> find_config('mcl_plugins::conmim/vit-b.py').name
        'vit-b.py'
    """
    own, text = home() / 'configs', str(name)
    path = Path(text)
    if path.is_file() and not text.startswith(PREFIX):
        return path
    text = text.removeprefix(PREFIX).removeprefix('configs/')
    if (own / text).is_file():
        return own / text
    names = sorted(file.relative_to(own).as_posix() for file in own.glob('[!_]*/**/*.py'))
    near = difflib.get_close_matches(text, names, n=3) or names[:3]
    raise FileNotFoundError(
        f'Config {str(name)!r} does not exist. The package has {len(names)} configs in {own}; '
        f'similar names are {", ".join(near)}.'
    )
