"""Hooks stand on the other parts of the engine, and these do not stand on hooks."""

import ast
from pathlib import Path

import mcl_plugins.engine

ENGINE = Path(mcl_plugins.engine.__file__).parent
# The parts of the Runner, which register hooks, and what hands everything out.
ABOVE = {'__init__', 'processes', 'runner'}


def imported(file):
    """The modules that one of the engine's imports, relative to the engine."""
    package = file.parent.relative_to(ENGINE.parent).parts
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            beginning = package[: len(package) - node.level + 1]
            for name in [node.module] if node.module else [alias.name for alias in node.names]:
                parts = (*beginning, *name.split('.'))
                if parts[0] == 'engine':
                    yield '.'.join(parts[1:])


def test_only_the_runner_knows_the_hooks():
    modules = {
        '.'.join(file.relative_to(ENGINE).with_suffix('').parts): file
        for file in ENGINE.rglob('*.py')
    }
    others = {name for name in modules if not name.startswith('hooks.')} - ABOVE
    upward = {
        name for name in others for part in imported(modules[name]) if part.startswith('hooks')
    }
    assert 'finite.stop' in others and upward == set()
    assert any(part.startswith('hooks') for part in imported(modules['runner']))
