"""Where the package's configs and tools are, and where its demos write."""

from __future__ import annotations

import difflib
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
PREFIX = 'mcl_plugins::'  # of MMEngine's names of configs in packages


def home() -> Path:
    """The folder of ``configs/`` and ``tools/``: the checkout, or ``.mim`` of an installation.

    In a checkout ``.mim`` contains links to them, because MMEngine looks for configs only there.
    """
    return (PACKAGE / '.mim' / 'configs').resolve().parent


def workspace() -> Path:
    """Where the demos keep images and results: the checkout, else the current folder."""
    return Path.cwd() if home().parent == PACKAGE else home()


def find_config(name: str | Path) -> Path:
    """A config file by its path, or by its name among the package's own.

    Args:
        name: a path; or ``conmim/vit-b.py``, ``configs/conmim/vit-b.py`` or
            ``mcl_plugins::conmim/vit-b.py`` for ``configs/conmim/vit-b.py`` of this package.

    Raises:
        FileNotFoundError: there is neither; the message has names that are near.
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
        f'Config {str(name)!r} does not exist. The package has {len(names)} of its own in {own}; '
        f'near to that name are {", ".join(near)}.'
    )
