"""The probe hook: what it measures, when, and that the encoder is left alone."""

import copy
import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import default_collate
from mmengine.registry import DATASETS
from sklearn.neighbors import KNeighborsClassifier

from conftest import SMALL
from mcl_plugins.engine.hooks import ProbeHook, WatchdogHook
from mcl_plugins.engine.runner import Runner
from mcl_plugins.evaluation.linear import fit_linear_probe


def loader(images, **dataset):
    return dict(
        batch_size=5,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='default_collate'),
        dataset=dict(
            type='mcl_plugins.ImageFolder',
            data_root=str(images),
            data_prefix='train',
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='CenterCrop', crop_size=32),
                dict(type='PackInputs'),
            ],
            **dataset,
        ),
    )


@pytest.fixture
def build(tmp_path, images):
    """A ConMIM's runner of two epochs, with the hook's settings."""

    def _build(**settings):
        data = loader(images)
        hook = dict(train_dataloader=data, val_dataloader=data, ks=(3,), linear=dict(epochs=3))
        return Runner.from_cfg(
            Config(
                dict(
                    default_scope='mmpretrain',
                    work_dir=str(tmp_path / 'work'),
                    experiment_name=tmp_path.name,
                    model=copy.deepcopy(SMALL),
                    train_dataloader={**loader(images), 'drop_last': True},
                    train_cfg=dict(by_epoch=True, max_epochs=3),
                    optim_wrapper=dict(optimizer=dict(type='SGD', lr=1e-3)),
                    custom_hooks=[dict(type='mcl_plugins.ProbeHook', **{**hook, **settings})],
                )
            )
        )

    return _build


def hook_of(runner):
    (hook,) = [hook for hook in runner.hooks if isinstance(hook, ProbeHook)]
    return hook


def features_of(model, images, encoder='backbone'):
    """Mean patch tokens of the probe's images and their labels, without the hook."""
    dataset = DATASETS.build(loader(images)['dataset'])
    batch = default_collate([dataset[index] for index in range(16)])
    labels = torch.tensor([sample.gt_label.item() for sample in batch['data_samples']])
    module = copy.deepcopy(model.get_submodule(encoder)).eval()
    with torch.no_grad():
        (tokens,) = module(model.data_preprocessor(batch)['inputs'])
    return tokens[:, 1:].mean(dim=1), labels


def knn_accuracy(features, labels):
    """Of the features among themselves in percent, by another library."""
    oracle = KNeighborsClassifier(3, metric='cosine', weights=lambda d: np.exp((1 - d) / 0.07))
    return 100 * oracle.fit(features, labels).score(features, labels)


def test_it_probes_when_it_is_due_and_writes_it_down(build, images, tmp_path):
    runner = build(interval=2)
    runner.train()
    (file,) = tmp_path.glob('work/*/vis_data/scalars.json')
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows = [row for row in rows if 'knn_3' in row]
    assert [row['step'] for row in rows] == [6, 9]  # after epoch 2, and after the last
    features, labels = features_of(runner.model, images)
    classifier = fit_linear_probe(features, labels, epochs=3)
    right = (classifier(features).argmax(dim=1) == labels).float().mean().item()
    assert rows[-1]['knn_3'] == pytest.approx(knn_accuracy(features, labels))
    assert rows[-1]['linear'] == pytest.approx(100 * right)


@pytest.mark.parametrize('encoder', ['backbone', 'ema.backbone', 'teacher.backbone'])
def test_accuracies_are_those_of_the_features(build, images, encoder):
    runner = build(encoder=encoder)
    model, hook = runner.model, hook_of(runner)
    with torch.no_grad():
        for parameter in model.backbone.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    hook.before_train(runner)
    model.train()
    before = copy.deepcopy(model.state_dict())
    found = hook.probe(runner)
    module = model.get_submodule(encoder.replace('teacher', 'ema'))  # an earlier name
    assert module.training and not any(p.grad is not None for p in model.parameters())
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    features = features_of(model, images, encoder.replace('teacher', 'ema'))
    assert found['knn_3'] == pytest.approx(knn_accuracy(*features))


def test_an_encoder_without_finite_features_is_not_probed_and_trains_on(build, tmp_path):
    runner = build(interval=1)
    hook = hook_of(runner)
    hook.before_train(runner)
    with torch.no_grad():
        next(runner.model.backbone.parameters()).fill_(float('nan'))
    hook.after_train_epoch(runner)
    assert not hook.accuracies
    (log,) = tmp_path.glob('work/*/*.log')
    assert 'No probe: probe, train: the features of 16 of 16 images are not finite' in (
        log.read_text()
    )


def test_the_linear_probe_can_be_left_out(build):
    runner = build(linear=None, feature='class', ks=(1, 2))
    hook_of(runner).before_train(runner)
    found = hook_of(runner).probe(runner)
    assert found.keys() == {'knn_1', 'knn_2'}
    assert found['knn_1'] == 100  # each image is its own neighbour


def test_each_batch_is_progress_to_the_watchdog(build, monkeypatch):
    """So a probe may take longer than the time for one batch, and is named if it hangs."""
    places = []
    monkeypatch.setattr(WatchdogHook, 'note', lambda _, place: places.append(place))
    runner = build()
    hook_of(runner).before_train(runner)
    hook_of(runner).probe(runner)
    batches = [
        f'batch {number} of the probe, {name} images'
        for name in ('train', 'val')
        for number in range(1, 6)  # 16 images of 5 in a batch, and what follows the last
    ]
    others = ['the k-NN of the probe', 'the linear classifier of the probe', 'the end of the probe']
    assert places == [*batches, *others]


def test_of_large_data_sets_evenly_spaced_images_count(build):
    runner = build(most_images=5)
    hook = hook_of(runner)
    hook.before_train(runner)
    dataset = hook.loaders['train'].dataset
    whole = DATASETS.build(hook.configs['train']['dataset'])
    kept = [dataset.get_data_info(index)['img_path'] for index in range(len(dataset))]
    assert kept == [whole.get_data_info(index)['img_path'] for index in (0, 3, 7, 11, 15)]
    hook.probe(runner)
    assert hook.images == 5
    with pytest.raises(ValueError, match='most_images=0'):
        build(most_images=0)


def test_what_does_not_fit_is_an_error(build):
    with pytest.raises(ValueError, match=r"encoder='student.backbone' is not in the model"):
        build(encoder='student.backbone').train()
    with pytest.raises(ValueError, match='interval=0'):
        build(interval=0)
    with pytest.raises(ValueError, match="feature='cls'"):
        build(feature='cls')


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(ks=(3, 17)), 'k=17 neighbours out of 16 images'),
        (dict(ks=(0,)), 'k=0 neighbours'),
        (dict(temperature=0.0), 'temperature=0.0'),
        (dict(linear=dict(epoch=3)), "linear=.'epoch': 3.: .*unexpected keyword argument 'epoch'"),
        (dict(encoder='neck', feature='class'), "has no class token; use 'mean'"),
        (dict(encoder='neck'), 'NonLinearNeck cannot encode an image of the probe'),
    ],
)
def test_bad_settings_stop_before_training(build, settings, message):
    runner = build(**settings)
    with pytest.raises(ValueError, match=message):
        hook_of(runner).before_train(runner)


def test_loaders_stack_their_samples_by_default(build, images):
    data = {key: value for key, value in loader(images).items() if key != 'collate_fn'}
    runner = build(train_dataloader=data, val_dataloader=data)
    hook_of(runner).before_train(runner)
    found = hook_of(runner).probe(runner)['knn_3']
    assert found == pytest.approx(knn_accuracy(*features_of(runner.model, images)))


def test_the_two_data_sets_are_numbered_by_the_same_names(build, images, tmp_path):
    """An image of another class in front shifts the labels of one side, not the probe's."""
    for split, folders in (('train', ('a', 'b', 'c')), ('val', ('b', 'c'))):
        for folder in folders:
            source = sorted((images / 'train/0').iterdir())['abc'.index(folder)]
            target = tmp_path / 'other' / split / folder
            target.mkdir(parents=True)
            (target / 'image.jpg').write_bytes(source.read_bytes())
    train, val = loader(tmp_path / 'other'), loader(tmp_path / 'other')
    val['dataset']['data_prefix'] = 'val'
    runner = build(train_dataloader=train, val_dataloader=val, ks=(1,), linear=None)
    hook_of(runner).before_train(runner)
    assert hook_of(runner).probe(runner) == {'knn_1': 100}
    runner = build(train_dataloader=val, val_dataloader=train, ks=(1,), linear=None)
    with pytest.raises(ValueError, match=r"probe's val_dataloader .* \(1\): a\."):
        hook_of(runner).before_train(runner)
