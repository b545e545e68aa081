"""Archives whose library is not installed."""

import pytest

from mcl_plugins.cli.messages import describe
from mcl_plugins.datasets import ImageFolder
from mcl_plugins.datasets.archives import arrow


@pytest.mark.parametrize('suffix', ['arrow', 'parquet'])
def test_a_table_says_what_to_install(tmp_path, monkeypatch, suffix):
    """The command prints how to install it, and no traceback."""
    monkeypatch.setattr(arrow, 'find_spec', lambda name: None)
    file = tmp_path / f'train.{suffix}'
    file.touch()
    message = rf'train\.{suffix} needs another library: pip install pyarrow\.'
    with pytest.raises(ImportError, match=message) as caught:
        ImageFolder(data_root=str(file))
    assert 'python -m pip install pyarrow\n' in describe(caught.value)
