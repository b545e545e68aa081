"""Where the configs and tools are that belong to the package."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def home() -> Path:
    """The folder of ``configs/`` and ``tools/``: the checkout, or ``.mim`` of an installation.

    A checkout has links in ``.mim``, because MMEngine and MMPretrain look for configs there only.
    """
    return (PACKAGE / '.mim' / 'configs').resolve().parent
