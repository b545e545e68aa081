"""Checkpoints are removed when a newer one is on the disk, and not before."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.logging import MessageHub, MMLogger

from mcl_plugins.engine import CheckpointHook


def test_the_oldest_checkpoint_stays_until_the_new_one_is_written(tmp_path):
    def write(folder, name, *_, **__):
        if name == 'epoch_2.pth' and full:
            raise OSError('No space left on device')
        (Path(folder) / name).touch()

    runner = SimpleNamespace(
        work_dir=str(tmp_path),
        logger=MMLogger.get_current_instance(),
        message_hub=MessageHub('keeps'),
        save_checkpoint=write,
    )
    hook = CheckpointHook(max_keep_ckpts=1)
    hook.before_train(runner)
    full = True
    hook._save_checkpoint_with_step(runner, 1, {})
    with pytest.raises(OSError, match='No space'):
        hook._save_checkpoint_with_step(runner, 2, {})
    assert [file.name for file in tmp_path.glob('*.pth')] == ['epoch_1.pth']

    full = False
    hook = CheckpointHook(max_keep_ckpts=2)
    hook.before_train(runner)
    for step in (1, 2, 2, 3):
        hook._save_checkpoint_with_step(runner, step, {})
    assert sorted(file.name for file in tmp_path.glob('*.pth')) == ['epoch_2.pth', 'epoch_3.pth']
    assert runner.message_hub.get_info('keep_ckpt_ids') == [2, 3]


@pytest.mark.parametrize(
    ('interval', 'epochs', 'milestones', 'kept'),
    [
        (10, 100, 4, [30, 50, 80, 90, 100]),
        (1, 8, 4, [2, 4, 6, 7, 8]),
        (3, 10, 3, [6, 9]),  # the last epoch is none of them
        (5, 10, 4, [5, 10]),
        (1, 4, 0, [3, 4]),
    ],
)
def test_milestones_are_kept_beside_the_newest(tmp_path, interval, epochs, milestones, kept):
    runner = SimpleNamespace(
        work_dir=str(tmp_path),
        max_epochs=epochs,
        logger=MMLogger.get_current_instance(),
        message_hub=MessageHub(f'milestones {interval} {epochs} {milestones}'),
        save_checkpoint=lambda folder, name, *_, **__: (Path(folder) / name).touch(),
    )
    hook = CheckpointHook(interval=interval, max_keep_ckpts=2, milestones=milestones)
    hook.before_train(runner)
    for epoch in range(interval, epochs + 1, interval):
        hook._save_checkpoint_with_step(runner, epoch, {})
    files = sorted(int(file.stem.partition('_')[2]) for file in tmp_path.glob('*.pth'))
    assert files == kept


@pytest.mark.parametrize('milestones', [-1, 2.5, True, '4'])
def test_a_senseless_number_of_milestones_is_refused(milestones):
    with pytest.raises(ValueError, match='milestones=.* is not a whole number from 0'):
        CheckpointHook(milestones=milestones)
