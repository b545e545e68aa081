"""Classes are compared by name between data sets and checkpoint, and by number with the heads."""

from types import SimpleNamespace

import pytest
from mmengine.registry import HOOKS
from mmpretrain.evaluation import Accuracy
from mmpretrain.models import ClsDataPreprocessor, ImageClassifier, LinearClsHead
from mmseg.models import FCNHead
from torch import nn

from mcl_plugins.datasets import ImageFolder
from mcl_plugins.engine.hooks.class_count import ClassCountHook, check_class_count


def head(classes):
    module = nn.Module()
    module.conv_seg, module.num_classes = nn.Conv2d(4, classes, 1), classes
    return module


def runner_of(model=None, resume=False, **datasets):
    """What the hook asks a Runner for; a data set may be given by its classes alone."""
    loops, cfg = {}, {}
    for split, given in datasets.items():
        named = hasattr(given, 'metainfo')
        dataset = given if named else SimpleNamespace(metainfo=dict(classes=given))
        loops[f'{split}_dataloader'] = loader = SimpleNamespace(dataset=dataset)
        cfg[f'{split}_dataloader'] = dict(dataset=dataset)
        evaluator = SimpleNamespace(dataset_meta=dataset.metainfo)
        loops[f'{split}_loop'] = SimpleNamespace(dataloader=loader, evaluator=evaluator)
    return SimpleNamespace(
        **{'val_loop': None, 'model': model or nn.Identity(), '_resume': resume, **loops},
        visualizer=SimpleNamespace(dataset_meta=None),
        cfg=cfg,
    )


def test_all_heads_are_compared_and_data_without_names_is_not():
    model = nn.ModuleDict({'decode_head': head(3), 'auxiliary_head': head(3)})
    check_class_count(model, SimpleNamespace(metainfo=dict(classes=tuple('abc'))))
    check_class_count(model, SimpleNamespace())
    check_class_count(model, SimpleNamespace(metainfo={}))
    model['auxiliary_head'] = head(4)
    with pytest.raises(ValueError, match=r'model\.auxiliary_head has num_classes=4, .* 3 classes'):
        check_class_count(model, SimpleNamespace(metainfo=dict(classes=tuple('abc'))))


@pytest.mark.parametrize('stage', ['train', 'val', 'test'])
def test_a_classifier_is_stopped_before_each_stage(stage):
    def runner(classes):
        dataset = SimpleNamespace(metainfo=dict(classes=tuple('abcdefgh'[:classes])))
        model = nn.ModuleDict({'head': LinearClsHead(num_classes=5, in_channels=4)})
        return runner_of(model, **{'train': dataset, stage: dataset})

    check = getattr(HOOKS.build(dict(type='mcl_plugins.ClassCountHook')), f'before_{stage}')
    check(runner(5))
    with pytest.raises(ValueError, match=r'model\.head has num_classes=5, .* 4 classes'):
        check(runner(4))


def test_a_training_list_without_names_is_compared_with_the_validation_folder():
    hook = HOOKS.build(dict(type='mcl_plugins.ClassCountHook'))
    model = nn.ModuleDict({'head': LinearClsHead(num_classes=5, in_channels=4)})
    named = SimpleNamespace(metainfo=dict(classes=tuple('abcd')))
    runner = runner_of(model, train=SimpleNamespace(metainfo={}), val=named)
    with pytest.raises(ValueError, match=r'num_classes=5, .* 4 classes'):
        hook.before_train(runner)
    runner.val_loop = None
    hook.before_train(runner)


def test_training_and_validation_are_compared_by_name():
    hook = ClassCountHook()
    hook.before_train(runner_of(train=('ant', 'bee'), val=['ant', 'bee']))
    with pytest.raises(ValueError, match=r'validation data .* training data\. .*\(2\): bee, ant'):
        hook.before_train(runner_of(train=('ant', 'bee'), val=('bee', 'ant')))


def test_the_test_data_is_compared_when_the_training_starts():
    sets = dict(train=('ant', 'bee'), val=('ant', 'bee'))
    hook = ClassCountHook()
    hook.before_train(runner_of(**sets, test=('ant', 'bee')))
    with pytest.raises(ValueError, match=r'test data .* training data\. .* test data \(1\): cat'):
        hook.before_train(runner_of(**sets, test=('ant', 'cat')))
    hook.before_train(runner_of(**sets))
    with pytest.raises(ValueError, match='test data are not those of the training data'):
        hook.before_test(runner_of(test=('bee', 'ant')))  # after the training in the same run


@pytest.mark.parametrize('there', [False, True])
def test_a_test_folder_is_listed_only_for_its_classes(tmp_path, there):
    names = ('train/ant/1.png', 'train/bee/1.png', 'test/ant/1.png', 'test/gnu/1.png')
    for file in names[: 4 if there else 2]:
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    runner = runner_of(train=ImageFolder(data_root=str(tmp_path), data_prefix='train'))
    test = dict(type='mcl_plugins.ImageFolder', data_root=str(tmp_path), data_prefix='test')
    runner.cfg['test_dataloader'] = dict(dataset=test)
    if there:
        with pytest.raises(ValueError, match=r'Only in the test data \(1\): gnu'):
            ClassCountHook().before_train(runner)
        runner.cfg['val_dataloader'] = runner.cfg['test_dataloader']  # already compared as such
    ClassCountHook().before_train(runner)


def test_a_trained_model_is_tested_on_the_classes_that_it_was_trained_on():
    hook, checkpoint = ClassCountHook(), {'meta': {}}
    trained = runner_of(train=('ant', 'bee'))
    hook.before_save_checkpoint(trained, checkpoint)
    checkpoint['meta']['dataset_meta'] = dict(classes=('ant', 'bee'))  # MMEngine's own entry
    hook = ClassCountHook()
    hook.after_load_checkpoint(None, checkpoint)
    hook.before_test(runner_of(test=('ant', 'bee')))
    other = ('ant', 'cat')
    message = r'Only in the (test|validation|training) data \(1\): cat\. Only in the checkpoint'
    for check in (
        lambda: hook.before_test(runner_of(test=other)),
        lambda: hook.before_val(runner_of(val=other)),
        lambda: hook.before_train(runner_of(train=other, val=other, resume=True)),
    ):
        with pytest.raises(ValueError, match=message):
            check()
    # A training that only starts from these weights may learn other classes, and validates those.
    hook.before_train(runner_of(train=other, val=other))
    hook.before_val(runner_of(val=other))


@pytest.mark.parametrize('stage', ['train', 'val', 'test'])
def test_a_top_5_of_three_classes_is_refused_before_the_first_step(stage):
    split = stage.replace('train', 'val')
    runner = runner_of(**{name: tuple('abc') for name in ('train', 'val', 'test')})
    evaluator = getattr(runner, f'{split}_loop').evaluator
    check = getattr(ClassCountHook(), f'before_{stage}')
    evaluator.metrics = [Accuracy(topk=(1, 3))]
    check(runner)
    evaluator.metrics = [Accuracy(topk=(1, 5))]
    message = rf'{split}_evaluator\.topk=\(1, 5\): the top-5 .* than the 3 .*test_evaluator\.topk=1'
    with pytest.raises(ValueError, match=message):
        check(runner)


def test_labels_that_are_mixed_have_as_many_classes():
    """The mixed labels of another number would not fit the head's outputs in the first step."""
    model = nn.ModuleDict({'head': LinearClsHead(num_classes=3, in_channels=4)})
    data = SimpleNamespace(metainfo=dict(classes=tuple('abc')))
    mixup = dict(augments=[dict(type='Mixup', alpha=0.8)])
    for number, augments in ((3, mixup), (1000, None), (None, None)):
        model.data_preprocessor = ClsDataPreprocessor(num_classes=number, batch_augments=augments)
        check_class_count(model, data)
    model.data_preprocessor = ClsDataPreprocessor(num_classes=1000, batch_augments=mixup)
    with pytest.raises(ValueError, match='=1000, but the data set has 3 .*num_classes=3'):
        check_class_count(model, data)


@pytest.mark.parametrize('name', ['resnet18', 'convnext_atto'])
def test_a_classifier_within_the_backbone_does_not_count(name):
    """timm's models have one of their own, without outputs or with ImageNet's."""
    dataset = SimpleNamespace(metainfo={'classes': ('cat', 'dog')})
    backbone = dict(type='TIMMBackbone', model_name=name)
    heads = [dict(type='LinearClsHead', num_classes=count, in_channels=8) for count in (2, 3)]
    check_class_count(ImageClassifier(backbone, head=heads[0]), dataset)
    with pytest.raises(ValueError, match=r'model\.head has num_classes=3'):
        check_class_count(ImageClassifier(backbone, head=heads[1]), dataset)


def test_projectors_have_no_classes():
    projector = nn.Module()
    projector.fc = nn.Linear(4, 4)
    check_class_count(projector, SimpleNamespace(metainfo=dict(classes=('a', 'b'))))


def test_metrics_get_the_names_that_the_data_sets_agreed_on(tmp_path):
    for file in ('train/ant/1.png', 'train/bee/1.png', 'val/bee/1.png'):
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    sets = {
        name: ImageFolder(data_root=str(tmp_path), data_prefix=name) for name in ('train', 'val')
    }
    runner = runner_of(**sets)
    ClassCountHook().before_train(runner)
    assert sets['val'].get_data_info(0)['gt_label'] == 1
    assert runner.val_loop.evaluator.dataset_meta['classes'] == ('ant', 'bee')
    assert runner.visualizer.dataset_meta['classes'] == ('ant', 'bee')


def test_a_word_in_place_of_a_list_of_classes_is_named():
    """Its letters would be counted as classes."""
    with pytest.raises(ValueError, match=r"classes='cat' .* write \('cat',\)"):
        check_class_count(nn.Identity(), SimpleNamespace(metainfo=dict(classes='cat')))


def cross_entropy(sigmoid, library):
    return dict(type=f'{library}.CrossEntropyLoss', use_sigmoid=sigmoid)


def decode_head(loss, **outputs):
    return FCNHead(in_channels=4, channels=4, num_convs=0, loss_decode=loss, **outputs)


@pytest.mark.parametrize(
    ('build', 'classes'),
    [
        (lambda sigmoid: LinearClsHead(1, 4, loss=cross_entropy(sigmoid, 'mmpretrain')), 1),
        (
            lambda sigmoid: decode_head(
                cross_entropy(sigmoid, 'mmseg'), num_classes=2, out_channels=1
            ),
            2,
        ),
        (lambda sigmoid: decode_head([cross_entropy(sigmoid, 'mmseg')], num_classes=1), 1),
    ],
    ids=['classifier', 'segmentor', 'one class'],
)
def test_a_softmax_over_one_output_is_refused(build, classes):
    """Its loss is 0 whatever the weights are; that of a sigmoid is not."""
    dataset = SimpleNamespace(metainfo=dict(classes=tuple('ab'[:classes])))
    check_class_count(nn.ModuleDict({'head': build(True)}), dataset)
    with pytest.raises(ValueError, match=r'model\.head has one output .* num_classes=2'):
        check_class_count(nn.ModuleDict({'head': build(False)}), dataset)
