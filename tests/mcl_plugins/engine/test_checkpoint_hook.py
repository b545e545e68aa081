"""Checkpoints are removed when a newer one is on the disk, and not before."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MessageHub, MMLogger
from mmpretrain.evaluation import Accuracy

from mcl_plugins.engine import CheckpointHook
from mcl_plugins.engine.save_best import check_save_best, metric_names


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
    ('metric', 'names'),
    [
        (Accuracy(topk=(1, 5)), ['accuracy/top1', 'accuracy/top5']),
        (Accuracy(topk=1, thrs=(None, 0.5)), ['accuracy/top1_no-thr', 'accuracy/top1_thr-0.50']),
    ],
)
def test_the_metric_of_save_best_is_looked_for_early(metric, names):
    """The names are those that the metric computes."""
    sample = dict(gt_label=torch.tensor([0]), pred_score=torch.rand(6))
    computed = [f'{metric.prefix}/{name}' for name in metric.compute_metrics([sample])]
    assert names == computed
    check_save_best(names, [metric])
    with pytest.raises(ValueError, match=f"save_best='top1': no metric .*: {', '.join(names)}"):
        check_save_best(['top1'], [metric])
    check_save_best(['top1'], [metric, SimpleNamespace(prefix=None)])  # not known


@pytest.mark.parametrize('rows', [['mIoU'], ['mIoU', 'mDice', 'mFscore']])
def test_the_names_of_a_segmentation_metric_are_known(rows):
    metric = pytest.importorskip('mmseg.evaluation').IoUMetric(iou_metrics=rows)
    metric.dataset_meta = dict(classes=('a', 'b'))
    areas = tuple(torch.ones(2) for _ in range(4))
    assert set(metric_names(metric)) == set(metric.compute_metrics([areas]))


@pytest.mark.parametrize('name', ['coco/bbox_mAP', 'coco/segm_mAP_50'])
def test_the_names_of_a_detection_metric_are_known(name):
    kind = type('CocoMetric', (), dict(classwise=False, metric_items=None, prefix='coco'))
    metric = kind()
    metric.metrics = ['bbox', 'segm']
    check_save_best([name], [metric])
    with pytest.raises(ValueError, match='coco/bbox_mAP_l, coco/segm_mAP'):
        check_save_best(['bbox_mAP'], [metric])
