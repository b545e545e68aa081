"""The text of a config that calls a function of ``mcl_plugins.own``."""

from __future__ import annotations

import textwrap
from pathlib import Path

from .choices import Value

WIDTH = 99


def render(
    base: str, function: str, values: dict[str, Value], work_dir: Path, network: Value
) -> str:
    """Write a config.

    Args:
        base: name of the config that it inherits from, among the package's own.
        function: of ``mcl_plugins.own``.
        values: arguments of the function by name.
        work_dir: folder of its training.
        network: the network, and why it was chosen.

    Example:
        >>> print(render('conmim/vit-s.py', 'pretraining', {'epochs': Value(4, 'a test')},
        ...              Path('own/pretrain'), Value('vit-s', 'small')))
        # Written by mcl init own; edit it as you like.
        # vit-s: small.
        _base_ = 'mcl_plugins::conmim/vit-s.py'
        <BLANKLINE>
        from mcl_plugins.own import pretraining
        <BLANKLINE>
        work_dir = 'own/pretrain'
        globals().update(pretraining(
            _base_,
            # a test
            epochs=4))
        <BLANKLINE>
    """
    lines = [
        '# Written by mcl init own; edit it as you like.',
        *_comment(f'{network.value}: {network.reason}.', ''),
        f"_base_ = 'mcl_plugins::{base}'",
        '',
        f'from mcl_plugins.own import {function}',
        '',
        f'work_dir = {str(work_dir)!r}',
        f'globals().update({function}(',
        '    _base_,',
    ]
    for name, (value, reason) in values.items():
        lines += _comment(reason, '    ')
        lines.append(f'    {name}={value!r},')
    lines[-1] = lines[-1].removesuffix(',') + '))\n'
    return '\n'.join(lines)


def _comment(text: str, indent: str) -> list[str]:
    """Break a comment into lines; none if it is empty."""
    start = f'{indent}# '
    return textwrap.wrap(text, WIDTH, initial_indent=start, subsequent_indent=start)
