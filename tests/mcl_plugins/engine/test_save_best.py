"""A name that no metric has is refused before the first step, whatever watches it."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import EarlyStoppingHook
from mmengine.optim import ReduceOnPlateauLR
from mmpretrain.evaluation import metrics as mmpretrain_metrics

from mcl_plugins.engine import CheckpointHook
from mcl_plugins.engine.rehearsal import rehearse
from mcl_plugins.engine.save_best import check_names, check_watched

CLASSES = ('ant', 'bee', 'cat', 'dog', 'elk', 'fox')


class Own(BaseMetric):
    """Of a user: it must not be computed before the validation."""

    def process(self, *_):
        raise AssertionError

    def compute_metrics(self, *_):
        raise AssertionError


def truth(metric, count=6):
    """Values of a metric on images whose scores are those of their class."""
    for label in range(count):
        scores = torch.eye(6)[label]
        sample = dict(gt_label=torch.tensor([label]), pred_score=scores, gt_score=scores.long())
        metric.process({}, [sample])
    return metric.evaluate(count)


@pytest.mark.parametrize(
    ('kind', 'arguments', 'some'),
    [
        ('Accuracy', dict(topk=(1, 5)), 'accuracy/top5'),
        ('Accuracy', dict(topk=1, thrs=(None, 0.5)), 'accuracy/top1_thr-0.50'),
        ('SingleLabelMetric', {}, 'single-label/f1-score'),
        ('SingleLabelMetric', dict(items=['recall'], average='micro'), 'single-label/recall_micro'),
        ('MultiLabelMetric', dict(thr=0.5), 'multi-label/precision'),
        ('MultiLabelMetric', dict(topk=2), 'multi-label/recall_top2'),
        ('AveragePrecision', {}, 'multi-label/mAP'),
        ('RetrievalRecall', dict(topk=(1, 5)), 'retrieval/Recall@5'),
        ('RetrievalAveragePrecision', dict(topk=5), 'retrieval/mAP@5'),
    ],
)
def test_the_names_are_those_that_a_classification_metric_returns(kind, arguments, some):
    metric = getattr(mmpretrain_metrics, kind)(**arguments)
    metric.dataset_meta = dict(classes=CLASSES)
    names = [f'{metric.prefix}/{name}' for name in rehearse(metric)]
    assert metric.results == []
    assert names == list(truth(copy.deepcopy(metric))) and some in names
    for name in names:
        check_names({'save_best': name}, [metric])
    with pytest.raises(ValueError, match=rf"save_best='mIoU': .* They have: {names[0]}"):
        check_names({"save_best='mIoU'": 'mIoU'}, [metric])


def test_a_table_is_nothing_that_can_be_the_best():
    per_class = mmpretrain_metrics.SingleLabelMetric(average=None)
    per_class.dataset_meta = dict(classes=CLASSES)
    assert len(rehearse(per_class)['recall_classwise']) == 6
    with pytest.raises(ValueError, match='They have none'):
        check_names({'save_best': 'single-label/recall_classwise'}, [per_class])


@pytest.mark.parametrize('rows', [['mIoU'], ['mIoU', 'mDice', 'mFscore']])
def test_the_names_of_a_segmentation_metric(rows, tmp_path):
    kind = pytest.importorskip('mmseg.evaluation').IoUMetric
    metric = kind(iou_metrics=rows, output_dir=str(tmp_path / 'pictures'))
    metric.dataset_meta = dict(classes=CLASSES)
    found = rehearse(metric)
    assert found['mIoU'] == found['aAcc'] == 100
    areas = tuple(torch.ones(6) for _ in range(4))
    assert set(found) == set(metric.compute_metrics([areas]))
    assert not list((tmp_path / 'pictures').iterdir())
    with pytest.raises(ValueError, match="'coco/bbox_mAP'.*: aAcc, mIoU"):
        check_names({"save_best='coco/bbox_mAP'": 'coco/bbox_mAP'}, [metric])


def test_the_names_of_a_detection_metric(capsys, tmp_path):
    kind = pytest.importorskip(
        'mmdet.evaluation', reason='mmdet needs mmcv ops', exc_type=ImportError
    ).CocoMetric
    metric = kind(metric=['bbox', 'segm', 'proposal'], classwise=True)
    metric.dataset_meta = dict(classes=CLASSES)
    capsys.readouterr()
    found = rehearse(metric)
    assert capsys.readouterr().out == '' and metric._coco_api is None
    assert found['bbox_mAP'] == found['segm_mAP_50'] == found['ant_precision'] == 1
    assert found['segm_mAP_l'] == -1 and 'AR@100' in found
    check_names({'save_best': 'coco/bee_precision'}, [metric])
    for wrong in ('bbox_mAP', 'coco/mAP', 'coco/gnu_precision'):
        with pytest.raises(ValueError, match='coco/segm_mAP_75'):
            check_names({'save_best': wrong}, [metric])
    items = kind(metric='bbox', metric_items=['mAP', 'mAP_50'])
    items.dataset_meta = dict(classes=CLASSES)
    assert list(rehearse(items)) == ['bbox_mAP', 'bbox_mAP_50']
    files = kind(metric='bbox', format_only=True, outfile_prefix=str(tmp_path / 'x'))
    files.dataset_meta = dict(classes=CLASSES)
    assert rehearse(files) == {} and not list(tmp_path.iterdir())


def test_a_metric_that_is_not_known_excuses_names_of_its_own_prefix_only():
    accuracy, own, bare = mmpretrain_metrics.Accuracy(topk=1), Own(prefix='own'), Own()
    for name in ('own/score', 'accuracy/top1'):
        check_names({'save_best': name}, [accuracy, own])
    for name in ('accuracy/top5', 'score', 'owner/score', 'own'):
        with pytest.raises(ValueError, match=r'accuracy/top1, own/\.\.\. \(Own\)'):
            check_names({'save_best': name}, [accuracy, own])
    check_names({'save_best': 'score'}, [accuracy, bare])
    with pytest.raises(ValueError, match=r'accuracy/top1, names without a prefix \(Own\)'):
        check_names({'save_best': 'accuracy/top5'}, [accuracy, bare])


def plateau(monitor):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    return ReduceOnPlateauLR(optimizer, monitor=monitor)


def run_of(hooks=(), schedulers=(), validates=True):
    evaluator = Evaluator(mmpretrain_metrics.Accuracy(topk=1))
    return SimpleNamespace(
        hooks=[CheckpointHook(save_best='auto'), *hooks],
        param_schedulers=list(schedulers),
        val_loop=object() if validates else None,
        val_evaluator=evaluator,
    )


def test_hooks_and_schedules_that_watch_a_metric():
    for name in ('accuracy/top1', 'accuracy/top3'):
        settings = {
            f'default_hooks.checkpoint.save_best={name!r}': dict(
                hooks=[CheckpointHook(save_best=name)]
            ),
            f'EarlyStoppingHook.monitor={name!r}': dict(hooks=[EarlyStoppingHook(name)]),
            f'param_scheduler: ReduceOnPlateauLR.monitor={name!r}': dict(
                schedulers=[plateau(name)]
            ),
        }
        for said, parts in settings.items():
            if name == 'accuracy/top1':
                check_watched(run_of(**parts))
                continue
            with pytest.raises(ValueError) as caught:
                check_watched(run_of(**parts))
            assert str(caught.value) == (
                f'{said}: no metric of val_evaluator has a number of this name. They have: '
                'accuracy/top1.'
            )
            runner, warned = run_of(**parts, validates=False), []
            runner.logger = SimpleNamespace(warning=warned.append)
            check_watched(runner)
            assert warned == [f'Nothing is validated, so {said} has no effect.']


@pytest.mark.parametrize('value', [1, 0.5, np.float32(1), np.int64(1), torch.tensor(0.5)])
def test_numbers_of_all_kinds_can_be_the_best(value, monkeypatch):
    monkeypatch.setattr('mcl_plugins.engine.save_best.rehearse', lambda _: {'score': value})
    check_names({'save_best': 'own/score'}, [Own(prefix='own')])
