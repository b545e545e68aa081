"""A download is done once on each machine, and once by machines that share the folder."""

import os
import shutil
from pathlib import Path

import pytest
import torch

from mcl_plugins.checkpoint.sources import load_checkpoint
from processes import run_on_two_processes

URL = 'https://models.example/one.pth'


def _load(rank, folder, caches, local_ranks, succeeds):
    """Read the URL as a process of a machine; note in the folder who has downloaded it."""
    os.environ['TORCH_HOME'] = str(folder / caches[rank])
    os.environ['LOCAL_RANK'] = str(local_ranks[rank])

    def download(url, target):
        Path(folder, f'downloaded_by_{rank}').touch()
        if not succeeds:
            raise OSError('no network')
        shutil.copy(folder / 'one.pth', target)

    torch.hub.download_url_to_file = download
    if succeeds:
        assert load_checkpoint(URL)['state_dict']['weight'].item() == 7
    else:
        with pytest.raises(OSError, match='no network'):
            load_checkpoint(URL)


@pytest.mark.parametrize(
    ('caches', 'local_ranks', 'succeeds', 'downloads'),
    [
        (('a', 'b'), (0, 0), True, 2),  # two machines
        (('a', 'a'), (0, 0), True, 1),  # two machines that share the folder
        (('a', 'a'), (0, 1), True, 1),  # one machine
        (('a', 'b'), (0, 0), False, 2),  # none waits for the other
    ],
)
def test_who_downloads(tmp_path, caches, local_ranks, succeeds, downloads):
    torch.save({'state_dict': {'weight': torch.tensor(7)}}, tmp_path / 'one.pth')
    run_on_two_processes(_load, tmp_path, caches, local_ranks, succeeds)
    assert len(list(tmp_path.glob('downloaded_by_*'))) == downloads
