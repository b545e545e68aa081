"""Every head of the package can be imported from the folder."""

from mcl_plugins import heads
from mcl_plugins.heads.negatives import HEADS


def test_all_heads_are_named():
    missing = {head.__name__ for head in HEADS} - set(heads.__all__)
    assert not missing and all(hasattr(heads, name) for name in heads.__all__)
