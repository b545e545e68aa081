"""What ``tools/train.py`` makes of the words for resuming, without training."""

from types import SimpleNamespace

import pytest
import torch

from conftest import ROOT
from mcl_plugins.checkpoint.latest import find_checkpoint
from mcl_plugins.cli.train import configure, parse_args
from mcl_plugins.engine.hooks import OverwriteHook
from mcl_plugins.engine.identity import starting_files

CONFIG = str(ROOT / 'configs/quickstart/conmim_finetune.py')
RESUME = {'option': ['--resume'], 'setting': ['--cfg-options', 'resume=True']}


@pytest.fixture
def read(tmp_path):
    def read(*words):
        return configure(**vars(parse_args([CONFIG, '--work-dir', str(tmp_path), *words])))

    return read


@pytest.mark.parametrize('words', RESUME.values(), ids=RESUME)
def test_a_fresh_folder_starts_from_the_pre_training_file(read, words):
    config = read(*words)
    assert not config.resume and config.load_from is None
    assert 'checkpoint' in config.model.backbone.init_cfg


@pytest.mark.parametrize('words', RESUME.values(), ids=RESUME)
def test_a_training_is_gone_on_with(read, words, tmp_path):
    torch.save({}, tmp_path / 'epoch_3.pth')
    config = read(*words)
    assert config.resume and config.load_from == str(tmp_path / 'epoch_3.pth')
    assert 'init_cfg' not in config.model.backbone


def test_a_file_of_the_whole_model_gives_all_weights(read):
    config = read('--resume', '--cfg-options', 'load_from=other/epoch_9.pth')
    assert not config.resume and config.load_from == 'other/epoch_9.pth'
    assert 'init_cfg' not in config.model.backbone


def test_a_folder_that_has_a_run_is_not_started_in(read, tmp_path):
    (tmp_path / 'best_top1_epoch_3.pth').touch()
    (tmp_path / 'epoch_4.pth').touch()
    with pytest.raises(ValueError, match=r'has a run already \(epoch_4.*--resume.*--overwrite'):
        read()
    assert not read('--overwrite').resume
    with pytest.raises(ValueError, match='--overwrite starts anew and --resume continues'):
        read('--overwrite', '--resume', str(tmp_path / 'epoch_4.pth'))


def test_what_the_training_started_from_is_remembered(read, tmp_path):
    """The encoder's file leaves the config, and is compared with the checkpoint's."""
    torch.save({}, tmp_path / 'epoch_3.pth')
    start = 'model.backbone.init_cfg.checkpoint=other.pth'
    config = read('--resume', '--cfg-options', start)
    assert starting_files(config) == {'model.backbone.init_cfg.checkpoint': 'other.pth'}
    assert config.resume_found
    assert not read('--resume', str(tmp_path / 'epoch_3.pth')).resume_found


@pytest.fixture
def elsewhere(tmp_path):
    """A folder for checkpoints on another disk, with those of a run, and the words that name it.

    Returns:
        The folder of the run in it, the words, and a function that writes a checkpoint there, also
        one of the training in another work dir.
    """
    work = tmp_path / 'runs/mine'
    folder = tmp_path / 'disk/mine'
    for path in (work, folder):
        path.mkdir(parents=True)

    def save(name, iterations=60, writer=work):
        meta = dict(cfg=f'work_dir = {str(writer)!r}\n', iter=iterations)
        torch.save({'meta': meta, 'state_dict': {}}, folder / name)

    save('epoch_3.pth', 90)
    save('iter_70.pth', 70)
    save('best_top1_epoch_2.pth')
    (folder / 'notes.txt').touch()
    (work / 'last_checkpoint').write_text('epoch_3.pth')
    option = f'default_hooks.checkpoint.out_dir={tmp_path / "disk"}'
    return folder, ['--work-dir', str(work), '--cfg-options', option], save


def overwrite(config):
    """What the hook does as soon as the training begins; returns its warnings."""
    said = []
    logger = SimpleNamespace(info=lambda _: None, warning=said.append)
    hook = OverwriteHook()
    hook.before_train(SimpleNamespace(work_dir=config.work_dir, cfg=config, logger=logger))
    return said


def test_checkpoints_in_another_folder_are_overwritten_with_their_run(read, elsewhere):
    """Otherwise a new run that is stopped early would be resumed from the old one's last epoch."""
    folder, words, _ = elsewhere
    config = read('--overwrite', *words)
    disk = str(folder.parent)
    assert len(list(folder.iterdir())) == 4, 'the new run may still be refused'
    overwrite(config)
    assert [file.name for file in folder.iterdir()] == ['notes.txt']
    assert find_checkpoint(config.work_dir, disk) is None
    assert not read(*words).resume  # and the folder counts as empty


def test_checkpoints_in_another_folder_are_a_run(read, elsewhere):
    folder, words, _ = elsewhere
    work = folder.parent.parent / 'runs/mine'
    (work / 'last_checkpoint').unlink()  # as of a work dir that was removed
    with pytest.raises(ValueError, match=r'disk/mine has a run already \(.*--overwrite'):
        read(*words)
    assert read('--resume', *words).load_from == str(folder / 'epoch_3.pth')


def test_checkpoints_of_another_run_are_not_overwritten(read, elsewhere, tmp_path):
    """Work dirs of one name have one folder on the other disk."""
    folder, words, save = elsewhere
    save('epoch_9.pth', writer=tmp_path / 'others/mine')
    before = sorted(folder.iterdir())
    with pytest.raises(ValueError, match=r'epoch_9.pth was written by the training in .*others/mi'):
        read('--overwrite', *words)
    (folder / 'epoch_9.pth').rename(tmp_path / 'epoch_9.pth')
    config = read('--overwrite', *words)
    (tmp_path / 'epoch_9.pth').rename(folder / 'epoch_9.pth')  # between the start and the training
    with pytest.raises(ValueError, match='have the same folder'):
        overwrite(config)
    assert sorted(folder.iterdir()) == before


def test_checkpoints_in_a_bucket_stay_and_are_not_resumed_from(read, elsewhere):
    _, words, _ = elsewhere
    config = read('--overwrite', *words[:3], 'default_hooks.checkpoint.out_dir=s3://bucket/runs')
    (said,) = overwrite(config)
    assert 'the checkpoints in s3://bucket/runs stay' in said
    assert find_checkpoint(config.work_dir, 's3://bucket/runs') is None
