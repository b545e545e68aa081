"""The parser of a command, whose description is the docstring of the command's module."""

from __future__ import annotations

import argparse
import ast
import importlib
from collections.abc import Callable, Sequence
from pathlib import Path

from ..arguments import parser_for

FOLDER = Path(__file__).parents[1]


def docstring(module: str) -> str:
    """Return the docstring of a module of the commands, which is read and not imported.

    Example:
        >>> docstring('train').partition(':')[0]
        'Pre-train or fine-tune'
    """
    file = FOLDER / f'{module.replace(".", "/")}.py'
    return ast.get_docstring(ast.parse(file.read_text(encoding='utf-8'))) or ''


def command_parser(module: str) -> argparse.ArgumentParser:
    """Create the parser of a command.

    Args:
        module: of the command, relative to this package's parent: ``'evaluate.knn'``.
    """
    return parser_for(docstring(module))


def find_parser(module: str) -> Callable[[Sequence[str] | None], argparse.Namespace]:
    """Return the function that reads the command line of a command.

    Args:
        module: of the command.

    Example:
        >>> find_parser('evaluate.knn')(['vit.py', 'epoch_1.pth', '--k', '5']).ks
        [5]
    """
    package, _, name = module.rpartition('.')
    return getattr(importlib.import_module(f'.{package or "general"}', __package__), name)
