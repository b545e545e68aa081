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
