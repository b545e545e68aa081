"""Results of the comparisons with other libraries, from which the table in docs/ is made."""

import json
import os
from pathlib import Path

LIMIT = 1e-4


def record(arrow, other, family, difference):
    """Assert that features are equal; with MCL_ARROWS=FILE, keep the result as a line of it.

    Args:
        arrow: ``'out'`` or ``'in'``.
        other: the library, or whose file it is.
        family: of the encoder.
        difference: the largest one of a feature.
    """
    assert difference <= LIMIT, (arrow, other, family, difference)
    if file := os.environ.get('MCL_ARROWS'):
        test = os.environ['PYTEST_CURRENT_TEST'].partition(' ')[0]
        line = dict(arrow=arrow, other=other, family=family, difference=difference, test=test)
        with Path(file).open('a') as lines:
            lines.write(f'{json.dumps(line)}\n')
