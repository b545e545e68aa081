"""Checkpoints of every source are read, and nothing in them runs."""

import os
import shutil

import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader

from hostile import write_hostile
from mcl_plugins.checkpoint import sources
from mcl_plugins.checkpoint.sources import load_checkpoint, use_safe_checkpoints

URL = 'https://models.example/one.pth'
CONTENT = {
    'state_dict': {'backbone.weight': torch.ones(2), 'head.weight': torch.ones(1)},
    'message_hub': {'log_scalars': {'loss': HistoryBuffer([1.0], [1])}},
}


@pytest.fixture
def web(tmp_path, monkeypatch):
    """A folder whose files are what a download from anywhere gives."""
    folder = tmp_path / 'web'
    folder.mkdir()

    def download(url, target, *_, **__):
        shutil.copy(folder / url.rpartition('/')[2], target)

    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    monkeypatch.setenv('MMENGINE_HOME', str(tmp_path / 'mmengine'))
    monkeypatch.setattr(torch.hub, 'download_url_to_file', download)
    monkeypatch.setattr(
        sources, 'ZOOS', {name: lambda: {'one': URL, 'own': 'own.pth'} for name in sources.ZOOS}
    )
    return folder


@pytest.fixture
def command(monkeypatch):
    """What a command sets for its process, for the length of a test."""
    for name in ('TORCH_FORCE_WEIGHTS_ONLY_LOAD', 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(CheckpointLoader, '_schemes', dict(CheckpointLoader._schemes))
    use_safe_checkpoints()
    yield
    os.environ.pop('TORCH_FORCE_WEIGHTS_ONLY_LOAD')


class Storage:
    """Stands for the backend of an object storage that holds a folder."""

    def __init__(self, folder):
        self.folder = folder

    def get(self, path):
        return (self.folder / path.rpartition('/')[2]).read_bytes()


SOURCES = [
    '{folder}/one.pth',
    URL,
    URL.replace('https', 'http'),
    'torchvision://one',
    'modelzoo://one',
    'open-mmlab://one',
    'openmmlab://one',
    'mmcls://one',
    's3://bucket/one.pth',
    'petrel://bucket/one.pth',
    'cluster:s3://bucket/one.pth',
]


@pytest.mark.parametrize('source', SOURCES)
def test_every_source_is_read(web, monkeypatch, source):
    monkeypatch.setattr(sources, 'get_file_backend', lambda *_, **__: Storage(web))
    torch.save(CONTENT, web / 'one.pth')
    content = load_checkpoint(source.format(folder=web))
    name = 'weight' if source.startswith('mmcls') else 'backbone.weight'
    assert torch.equal(content['state_dict'][name], torch.ones(2))


@pytest.mark.parametrize('source', SOURCES)
def test_nothing_runs_from_any_source(web, monkeypatch, command, source):
    """Neither through the package's function nor through the one that all libraries use."""
    monkeypatch.setattr(sources, 'get_file_backend', lambda *_, **__: Storage(web))
    _, proof = write_hostile(web, 'one.pth')
    for load in (load_checkpoint, CheckpointLoader.load_checkpoint):
        with pytest.raises(ValueError, match='was not loaded: it is damaged.* run code'):
            load(source.format(folder=web))
    assert not proof.exists()


def test_a_hostile_file_would_run_elsewhere(tmp_path, monkeypatch):
    """What the commands protect from: MMEngine's own loader, called beside its registry."""
    # A test of a command in this process leaves PyTorch's switch behind.
    monkeypatch.delenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', raising=False)
    file, proof = write_hostile(tmp_path)
    assert mmengine_checkpoint.load_from_local(str(file), 'cpu') and proof.exists()


def test_a_library_that_asks_for_more_does_not_get_it(tmp_path, command, monkeypatch):
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    use_safe_checkpoints()
    file, proof = write_hostile(tmp_path)
    for settings in ({}, {'weights_only': False}):
        with pytest.raises(Exception, match='Weights only load failed'):
            torch.load(file, **settings)
    assert not proof.exists()


def test_a_model_of_ones_own_zoo_is_a_file(web, tmp_path):
    (tmp_path / 'mmengine').mkdir()
    torch.save(CONTENT, tmp_path / 'mmengine/own.pth')
    assert load_checkpoint('openmmlab://own').keys() == CONTENT.keys()


def test_a_damaged_download_says_which_file_to_delete(web, tmp_path):
    """Its name states no hash. The next start would read the same file again."""
    torch.save(CONTENT, web / 'one.pth')
    whole = (web / 'one.pth').read_bytes()
    (web / 'one.pth').write_bytes(whole[: len(whole) // 2])
    for _ in range(2):
        with pytest.raises(ValueError, match='it is damaged') as caught:
            load_checkpoint(URL)
        (file,) = (tmp_path / 'torch').rglob('*-one.pth')
        assert str(caught.value).startswith(f'{URL}: {file} was not loaded')
        assert str(caught.value).endswith(f' Delete {file} first.')
        (web / 'one.pth').write_bytes(whole)
    file.unlink()
    assert load_checkpoint(URL).keys() == CONTENT.keys()


def test_what_is_not_there_is_named(web, tmp_path):
    with pytest.raises(ValueError, match="torchvision has no model 'two'"):
        load_checkpoint('torchvision://two')
    with pytest.raises(FileNotFoundError, match=r'nothing\.pth'):
        load_checkpoint(str(tmp_path / 'nothing.pth'))
    with pytest.raises(ValueError, match='pavi:// is not read'):
        load_checkpoint('pavi://one')
