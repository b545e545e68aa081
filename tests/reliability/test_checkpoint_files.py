"""A checkpoint is whole or it is not used; what fails to be written leaves what was."""

import errno
import os
import random
import resource
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from mcl_plugins.checkpoint import files
from mcl_plugins.checkpoint.digest import DamagedFileError, check_whole
from mcl_plugins.checkpoint.files import load_file, save_file
from mcl_plugins.checkpoint.latest import find_checkpoint
from mcl_plugins.checkpoint.loading import load_encoder
from mcl_plugins.cli.convert import conmim
from mcl_plugins.engine.runner import Runner
from mcl_plugins.utils.writing import remove_leftovers
from processes import FORKS

CONTENT = {
    'state_dict': {'weight': torch.arange(6000.0).view(60, 100), 'bias': torch.ones(100)},
    'meta': {'epoch': 3, 'cfg': "model = dict(backbone=dict(arch='small'))"},
}


def equal(one, other):
    """Whether two checkpoints hold the same."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


def write_plain(content, path):
    """What PyTorch and other programs write: no digest, but checksums."""
    torch.save(content, path)


@pytest.mark.parametrize(
    ('write', 'name'),
    [(save_file, 'a.pth'), (write_plain, 'a.pth'), (save_file, 'a.safetensors')],
    ids=['own', 'plain', 'safetensors'],
)
def test_a_flipped_bit_is_found_or_harmless(tmp_path, write, name):
    """Four hundred of them, anywhere in the file; half of them in the last 1500 bytes."""
    write(CONTENT, tmp_path / name)
    raw = (tmp_path / name).read_bytes()
    good = load_file(tmp_path / name)
    draw, found = random.Random(0), 0
    file = tmp_path / f'flipped{Path(name).suffix}'
    for turn in range(400):
        place = draw.randrange(len(raw) - 1500 if turn % 2 else 0, len(raw))
        damaged = bytearray(raw)
        damaged[place] ^= 1 << draw.randrange(8)
        file.write_bytes(damaged)
        os.utime(file, ns=(turn, turn))
        try:
            assert equal(load_file(file), good), f'byte {place} of {len(raw)}'
        except ValueError:
            found += 1
    assert found >= 200


@pytest.mark.parametrize('end', [1, 30, 150, 1000, 20000])
def test_a_file_that_was_cut_is_found(tmp_path, end):
    save_file(CONTENT, tmp_path / 'a.pth')
    raw = (tmp_path / 'a.pth').read_bytes()
    (tmp_path / 'a.pth').write_bytes(raw[:-end])
    with pytest.raises(ValueError, match='a.pth was not loaded: it is damaged'):
        load_file(tmp_path / 'a.pth')


def test_other_readers_read_the_files(tmp_path):
    save_file(CONTENT, tmp_path / 'a.pth')
    for settings in ({}, {'mmap': True}):
        assert equal(torch.load(tmp_path / 'a.pth', **settings), CONTENT)


def flip(file):
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(raw)


def test_damage_within_the_newest_file_is_named_and_the_older_is_used(training_config):
    training_config.train_cfg.max_epochs = 3
    training_config.default_hooks.checkpoint.type = 'mcl_plugins.CheckpointHook'
    Runner.from_cfg(training_config).train()
    work = Path(training_config.work_dir)
    flip(work / 'epoch_3.pth')
    training_config.update(resume=True, experiment_name=f'{work.parent.name}-again')
    runner = Runner.from_cfg(training_config)
    runner.train()
    (log,) = Path(runner.log_dir).glob('*.log')
    said = log.read_text()
    assert f'{work}/epoch_3.pth was not loaded: it is damaged' in said
    assert f'the newest whole checkpoint is {work}/epoch_2.pth' in said
    check_whole(work / 'epoch_3.pth')  # written again
    assert (work / 'last_checkpoint').read_text() == 'epoch_3.pth'

    flip(work / 'epoch_3.pth')
    training_config.update(
        load_from=f'{work}/epoch_3.pth', experiment_name=f'{work.parent.name}-named'
    )
    with pytest.raises(DamagedFileError, match=f'epoch_3.pth.*beside it is {work}/epoch_2.pth'):
        Runner.from_cfg(training_config).train()
    training_config.update(load_from='weights.safetensors', experiment_name=f'{work.parent.name}-w')
    with pytest.raises(ValueError, match='has weights and no state of a training'):
        Runner.from_cfg(training_config).train()


@pytest.mark.parametrize('pointer', ['epoch_2.pth', '{work}/epoch_2.pth'])
def test_a_copied_folder_resumes_from_itself(tmp_path, pointer):
    work, copied = tmp_path / 'work', tmp_path / 'copied'
    work.mkdir()
    for number in (1, 2):
        save_file({'number': number}, work / f'epoch_{number}.pth')
    (work / 'last_checkpoint').write_text(pointer.format(work=work))
    shutil.copytree(work, copied)
    assert find_checkpoint(copied) == str(copied / 'epoch_2.pth')
    (copied / 'epoch_2.pth').unlink()  # the original is there and is not taken
    assert find_checkpoint(copied) == str(copied / 'epoch_1.pth')


def test_checkpoints_in_another_folder_are_found(tmp_path):
    work, disk = tmp_path / 'runs/one', tmp_path / 'disk'
    for folder in (work, disk / 'one'):
        folder.mkdir(parents=True)
    save_file({}, disk / 'one/epoch_4.pth')
    (work / 'last_checkpoint').write_text('epoch_4.pth')
    assert find_checkpoint(work, str(disk)) == str(disk / 'one/epoch_4.pth')
    assert find_checkpoint(work, 's3://bucket/disk') == 's3://bucket/disk/one/epoch_4.pth'


def save_with_a_limit(file, place):
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        save_file({'weight': torch.ones(10**6)}, file)
    except OSError as error:
        Path(place).write_text(f'{error.errno} {error}')


def test_a_limit_of_file_sizes_leaves_the_old_file(tmp_path):
    file = tmp_path / 'epoch_1.pth'
    save_file(CONTENT, file)
    process = FORKS.Process(target=save_with_a_limit, args=(file, tmp_path / 'said'))
    process.start()
    process.join()
    said = (tmp_path / 'said').read_text()
    assert process.exitcode == 0 and said.startswith(f'{errno.EFBIG} ')
    assert 'it needs 0.004 GB' in said and '"ulimit -f" allows files of 0.0001 GB' in said
    assert equal(load_file(file), CONTENT)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['epoch_1.pth', 'said']


@pytest.mark.parametrize('kind', [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch, kind):
    file = tmp_path / 'epoch_1.pth'
    save_file(CONTENT, file)

    def fail(_):
        raise OSError(kind, os.strerror(kind))

    monkeypatch.setattr(os, 'fsync', fail)
    with pytest.raises(OSError, match=r'it needs .* GB; .* GB are free there.*unchanged') as caught:
        save_file(CONTENT, file)
    assert caught.value.errno == kind and caught.value.filename == str(file)
    assert [path.name for path in tmp_path.iterdir()] == ['epoch_1.pth']
    assert equal(load_file(file), CONTENT)


def test_an_error_while_pytorch_writes_is_the_one_of_the_disk(tmp_path):
    """PyTorch replaces it by one of its own."""
    (tmp_path / 'full').symlink_to('/dev/full')
    with pytest.raises(OSError, match='No space left on device') as caught:
        files._save({'weight': torch.ones(10**6)}, tmp_path / 'full')
    assert caught.value.errno == errno.ENOSPC


def test_a_folder_that_is_read_only_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(
        Path, 'open', lambda self, *_: (_ for _ in ()).throw(OSError(errno.EROFS, 'x', str(self)))
    )
    with pytest.raises(OSError, match='Read-only file system.*GB are free there') as caught:
        save_file(CONTENT, tmp_path / 'epoch_1.pth')
    assert caught.value.filename == str(tmp_path / 'epoch_1.pth')


def save_again_and_again(file):
    while True:
        save_file({'weight': torch.ones(10**6)}, file)


def test_a_save_that_is_killed_leaves_the_old_file(tmp_path):
    file = tmp_path / 'epoch_1.pth'
    process = FORKS.Process(target=save_again_and_again, args=(file,))
    process.start()
    while not (file.exists() and list(tmp_path.glob('*.tmp'))):
        assert process.is_alive()
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert torch.equal(load_file(file)['weight'], torch.ones(10**6))
    save_file({}, file)
    assert [path.name for path in tmp_path.iterdir()] == ['epoch_1.pth']


def test_what_other_machines_and_best_files_left_is_removed(tmp_path):
    left = [
        tmp_path / 'epoch_1.pth.1@elsewhere.tmp',
        tmp_path / 'best_top1_epoch_1.pth.99999999.tmp',
        tmp_path / f'epoch_2.pth.{os.getppid()}.tmp',
    ]
    written = tmp_path / 'epoch_3.pth.1@elsewhere.tmp'  # there, right now
    notes = tmp_path / 'notes.7.tmp'  # no checkpoint
    for file in (*left, written, notes):
        file.touch()
    for file in (*left, notes):
        os.utime(file, (time.time() - 4000,) * 2)
    remove_leftovers(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([written, notes])


def test_logs_in_checkpoints_do_not_grow(training_config):
    """A history is the last thousand values, in the file as in memory, and its mean the same."""
    runner = Runner.from_cfg(training_config)
    values = np.random.default_rng(0).normal(size=20000)
    runner.message_hub.log_scalars['train/loss'] = HistoryBuffer(values, np.ones(20000))
    runner.message_hub._resumed_keys['train/loss'] = True
    runner.train()
    saved = load_file(f'{training_config.work_dir}/epoch_1.pth')['message_hub']['log_scalars']
    for history in (saved['train/loss'], runner.message_hub.log_scalars['train/loss']):
        assert len(history.data[0]) == 1000
        assert np.array_equal(history.data[0][:996], values[-996:])
    assert all(len(history.data[0]) <= 1000 for history in saved.values())


def test_safetensors_stand_where_a_pth_does(tmp_path, small_conmim):
    """Converted to it and back, and an encoder starts from it; the origin stays."""
    state = small_conmim.state_dict()
    config = 'model = dict(backbone=dict(arch=dict(num_heads=3)))'
    for suffix in ('pth', 'safetensors'):
        save_file({'state_dict': state, 'meta': {'cfg': config}}, tmp_path / f'a.{suffix}')
        conmim.main([str(tmp_path / f'a.{suffix}'), str(tmp_path / f'b.{suffix}'), '--to-released'])
        conmim.main([str(tmp_path / f'b.{suffix}'), str(tmp_path / f'c.{suffix}')])
    loaded = load_file(tmp_path / 'a.safetensors')
    assert equal(loaded['state_dict'], dict(state)) and loaded['meta']['cfg'] == config
    one, other = (
        load_file(tmp_path / f'c.{suffix}')['state_dict'] for suffix in ('pth', 'safetensors')
    )
    assert len(one) > 20 and equal(one, other)
    torch.nn.init.zeros_(small_conmim.backbone.cls_token)
    load_encoder(small_conmim.backbone, str(tmp_path / 'a.safetensors'), 'backbone.')
    assert torch.equal(small_conmim.backbone.cls_token, loaded['state_dict']['backbone.cls_token'])
    with pytest.raises(ValueError, match='holds tensors only, and epoch are none'):
        save_file({'weight': torch.ones(1), 'epoch': 3}, tmp_path / 'd.safetensors')
