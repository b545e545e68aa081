"""Predictions for the images of one file are not compared with the objects of another."""

from types import SimpleNamespace

import pytest

from mcl_plugins.engine.annotation_file import check_annotation_file
from mcl_plugins.engine.runner import Runner


@pytest.fixture
def files(tmp_path):
    for name, text in (('a.json', '{}'), ('b.json', '[]'), ('copy.json', '{}')):
        (tmp_path / name).write_text(text)
    (tmp_path / 'link.json').symlink_to(tmp_path / 'a.json')
    return lambda name: str(tmp_path / name)


@pytest.mark.parametrize('several', [False, True])
def test_another_file_is_refused(files, several):
    dataset = SimpleNamespace(dataset=SimpleNamespace(ann_file=files('a.json')))  # in a wrapper
    evaluator = dict(type='CocoMetric', ann_file=files('b.json'))
    message = r'val_evaluator\.ann_file is .*b\.json, but .*val_dataloader reads .*a\.json'
    with pytest.raises(ValueError, match=message):
        check_annotation_file(dataset, [{}, evaluator] if several else evaluator, 'val')


@pytest.mark.parametrize('name', ['a.json', 'copy.json', 'link.json', '', None])
def test_the_same_file_under_any_name_passes(files, name):
    evaluator = dict(type='CocoMetric', ann_file=files(name) if name else name)
    check_annotation_file(SimpleNamespace(ann_file=files('a.json')), evaluator, 'test')
    check_annotation_file([1, 2], evaluator, 'test')
    check_annotation_file(SimpleNamespace(ann_file=''), evaluator, 'test')


def test_addresses_are_compared_as_they_are():
    check_annotation_file(
        SimpleNamespace(ann_file='s3://a.json'), dict(ann_file='s3://a.json'), 'val'
    )
    with pytest.raises(ValueError, match=r's3://b\.json'):
        check_annotation_file(
            SimpleNamespace(ann_file='s3://a.json'), dict(ann_file='s3://b.json'), 'val'
        )


def test_a_completed_file_needs_the_metric_that_completes_it(files):
    dataset = SimpleNamespace(ann_file=files('a.json'), annotations_completed=True)
    with pytest.raises(ValueError, match=r'val_evaluator\.type=mcl_plugins\.CocoMetric'):
        check_annotation_file(dataset, dict(type='CocoMetric', ann_file=files('a.json')), 'val')
    own = dict(type='mcl_plugins.CocoMetric', ann_file=files('a.json'))
    check_annotation_file(dataset, own, 'val')


@pytest.mark.parametrize('stage', ['val', 'test'])
def test_the_runner_compares(training_config, files, stage):
    data = training_config.train_dataloader.copy()
    training_config.update(
        {
            f'{stage}_cfg': dict(),
            f'{stage}_dataloader': data,
            f'{stage}_evaluator': dict(type='Accuracy'),
        }
    )
    runner = Runner.from_cfg(training_config)
    evaluator = getattr(runner, f'_{stage}_evaluator')
    build = getattr(runner, f'build_{stage}_loop')
    loop = build(getattr(runner, f'_{stage}_loop'))
    loop.dataloader.dataset.ann_file = files('a.json')
    evaluator['ann_file'] = files('b.json')
    with pytest.raises(ValueError, match=f'{stage}_evaluator.ann_file'):
        build(loop)
