"""Where the configs and tools are that belong to the package."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def home() -> Path:
    """The folder of ``configs/`` and ``tools/``: the checkout, or ``.mim`` of an installation."""
    installed = PACKAGE / '.mim'
    return installed if installed.is_dir() else PACKAGE.parent
