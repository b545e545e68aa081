"""Read the literals of Python code, ``dict(...)`` among them, without running anything."""

from __future__ import annotations

import ast
from typing import Any


def evaluate(node: ast.expr) -> Any:
    """Return the value of an expression of literals, lists and ``dict(...)``.

    Raises:
        ValueError: the expression has anything else in it.

    Example:
        >>> evaluate(ast.parse("[dict(type='LinearLR', end=-1)]", mode='eval').body)
        [{'type': 'LinearLR', 'end': -1}]
        >>> evaluate(ast.parse("dict({'.bias': dict(decay_mult=0.0)}, lr=1)", mode='eval').body)
        {'.bias': {'decay_mult': 0.0}, 'lr': 1}
    """
    if isinstance(node, ast.List | ast.Tuple):
        items = [evaluate(item) for item in node.elts]
        return items if isinstance(node, ast.List) else tuple(items)
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {evaluate(key): evaluate(value) for key, value in pairs if key is not None}
    if isinstance(node, ast.Call):
        named = isinstance(node.func, ast.Name) and node.func.id == 'dict'
        # MMEngine writes keys that are no names as dict({'.bias': ...}).
        given = node.args[0] if len(node.args) == 1 else ast.Dict([], [])
        positional = len(node.args) <= 1 and isinstance(given, ast.Dict)
        if named and positional and all(word.arg for word in node.keywords):
            return evaluate(given) | {word.arg: evaluate(word.value) for word in node.keywords}
    return ast.literal_eval(node)


def read_assignments(text: str) -> dict[str, Any]:
    r"""Return what a config file assigns, as MMEngine writes it; what is no literal is left out.

    Example:
        >>> read_assignments("model = dict(type='ConMIM')\nwidth = round(1.5)")
        {'model': {'type': 'ConMIM'}}
    """
    found = {}
    try:
        statements = ast.parse(text).body
    except (SyntaxError, ValueError):  # ValueError: a null character
        return {}
    for node in statements:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = evaluate(node.value)
            except (ValueError, TypeError):  # TypeError: a key that cannot be one
                continue
    return found


def read_literal(text: str) -> Any:
    """Return the value of a literal.

    Raises:
        ValueError: it is none.
    """
    try:
        return evaluate(ast.parse(text.strip(), mode='eval').body)
    except (SyntaxError, TypeError) as error:
        raise ValueError(f'{text!r} is no literal: {error}') from None
