"""Files: nothing in them runs, none is half written."""

import os
import subprocess
import sys

import pytest
import torch
from mmengine.logging import HistoryBuffer

from hostile import write_hostile
from mcl_plugins.checkpoint.files import extract_state_dict, load_file, save_file


def test_a_hostile_file_is_refused_and_not_run(tmp_path):
    file, proof = write_hostile(tmp_path)
    with pytest.raises(ValueError, match='hostile.pth was not loaded'):
        load_file(file)
    assert not proof.exists()


class Reaching:
    """Asks for an attribute of a class that is allowed in files."""

    def __reduce__(self):
        return getattr, (torch.Tensor, '__init_subclass__')


def test_attributes_are_not_reachable(tmp_path):
    torch.save({'state_dict': Reaching()}, tmp_path / 'reaching.pth')
    with pytest.raises(ValueError, match='reaching.pth was not loaded'):
        load_file(tmp_path / 'reaching.pth')


def test_a_runner_checkpoint_passes(tmp_path):
    file = tmp_path / 'epoch_1.pth'
    content = {
        'state_dict': {'weight': torch.ones(2)},
        'message_hub': {'log_scalars': {'loss': HistoryBuffer([1.0], [1])}},
    }
    save_file(content, file)
    loaded = load_file(file)
    assert torch.equal(loaded['state_dict']['weight'], torch.ones(2))
    assert loaded['message_hub']['log_scalars']['loss'].mean() == 1.0


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='nothing.pth'):
        load_file(tmp_path / 'nothing.pth')


def test_half_a_file_is_named(tmp_path):
    file = tmp_path / 'half.pth'
    torch.save({'weight': torch.randn(1000)}, file)
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(ValueError, match='half.pth was not loaded'):
        load_file(file)


@pytest.mark.parametrize('text', ['', 'epoch 3\n', '\x80\x02'])
def test_a_file_of_another_format_is_named(tmp_path, text):
    file = tmp_path / 'other.pth'
    file.write_bytes(text.encode('latin1'))
    with pytest.raises(ValueError, match='other.pth was not loaded'):
        load_file(file)


@pytest.mark.parametrize('content', [[torch.ones(1)], torch.ones(1)])
def test_what_is_no_dict_is_named(tmp_path, content):
    torch.save(content, tmp_path / 'other.pth')
    with pytest.raises(ValueError, match=r'other\.pth holds a (list|Tensor) and not a dict'):
        load_file(tmp_path / 'other.pth')


def test_a_save_removes_what_a_killed_one_left(tmp_path):
    gone = subprocess.Popen([sys.executable, '-c', 'pass'])
    gone.wait()
    stale = tmp_path / f'epoch_1.pth.{gone.pid}.tmp'
    others = [
        tmp_path / f'epoch_1.pth.{os.getppid()}.tmp',  # being written
        tmp_path / 'epoch_1.pth.notes.tmp',
        tmp_path / f'epoch_2.pth.{gone.pid}.tmp',
    ]
    for file in (stale, *others):
        file.write_bytes(b'half of it')
    save_file({'step': 1}, tmp_path / 'epoch_1.pth')
    assert not stale.exists() and all(file.exists() for file in others)


def test_a_failed_save_leaves_the_old_file_whole(tmp_path, monkeypatch):
    file = tmp_path / 'last.pth'
    save_file({'step': 1}, file)

    def fail(content, target):
        target.write(b'half of it')
        raise OSError('No space left on device')

    monkeypatch.setattr(torch, 'save', fail)
    with pytest.raises(OSError, match='No space'):
        save_file({'step': 2}, file)
    monkeypatch.undo()
    assert load_file(file) == {'step': 1}
    assert [path.name for path in tmp_path.iterdir()] == ['last.pth']


@pytest.mark.parametrize('key', ['state_dict', 'model', 'module'])
def test_tensors_are_found_under_the_usual_names(key):
    assert extract_state_dict({key: {'w': 1}, 'epoch': 3}) == {'w': 1}


def test_a_bare_state_dict_is_taken_as_it_is():
    assert extract_state_dict({'w': 1}) == {'w': 1}
