"""The fidelity cards: what was compared of each method, how equal it is, and what differs.

    mcl fidelity tests/golden/*.npz --page docs/fidelity.md

A card is made of the results for a method's golden files and of the table in the method's page that
says where the paper, the released code and this package differ.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from posixpath import normpath

from ...utils.places import home
from ..markdown import table
from ..methods import Method, methods
from .result import TOLERANCE, Result

_DEVIATIONS = re.compile(
    r'^## (?:Paper against released code|What the paper leaves open|Where the paper is silent)\n'
    r'(.*?)(?=^## |\Z)',
    re.MULTILINE | re.DOTALL,
)
COLUMNS = ('file', 'losses', 'outputs', 'gradients', 'largest errors of the three')
HEAD = """# Fidelity cards

One card for each method, written by

```shell
python tools/fidelity.py tests/golden/*.npz --page docs/fidelity.md
```

A golden file has the weights, the inputs, the losses and the gradients of a tiny model, computed by
the released implementation in float64 and stored in float32. Where no code is released, an
independent computation after the paper takes its place; the card says so. Here the same weights and
inputs go through this package's model, in float64. An error is relative to the largest entry of its
tensor. The bounds are {bounds}.
"""


def make_page(results: Sequence[Result]) -> str:
    """Return the page with the cards of the methods that the results are of, in Markdown."""
    bounds = ', '.join(f'{value:g} for {kind}' for kind, value in TOLERANCE.items())
    cards = [
        make_card(method, [result for result in results if result.method == method.folder])
        for method in methods()
    ]
    return '\n'.join([HEAD.format(bounds=bounds), *cards])


def make_card(method: Method, results: Sequence[Result]) -> str:
    """Return the card of a method in Markdown.

    Raises:
        ValueError: the page of the method does not say what differs from the paper.
    """
    page = (home() / 'configs' / method.folder / 'README.md').read_text(encoding='utf-8')
    found = _DEVIATIONS.search(page)
    if found is None:
        raise ValueError(
            f'configs/{method.folder}/README.md does not say what differs from the paper: add a '
            'section "## Paper against released code" or "## What the paper leaves open".'
        )

    def from_docs(link: re.Match[str]) -> str:
        return f'](../{normpath(f"configs/{method.folder}/{link[1]}")}'

    text = re.sub(r'\]\((?!https?:|#)([^)#]+)', from_docs, found[1].strip())
    return (
        f'## {method.title}\n\n'
        f'Status: {method.summary["Status"]}. [Page of the method](../configs/{method.folder}/'
        f'README.md).\n\n{table(COLUMNS, map(_cells, results))}\n\n{text}\n'
    )


def _cells(result: Result) -> list[str]:
    compared = result.compared
    return [
        f'`{result.file.rpartition("/")[2]}`',
        _names(compared['loss']),
        _names(compared['outputs']),
        f'{len(compared["gradients"])} parameters, all that are trained',
        f'{result.loss:.0e}, {result.outputs:.0e}, {result.gradients:.0e}',
    ]


def _names(names: Sequence[str]) -> str:
    return ', '.join(f'`{name}`' for name in names) or 'none'
