"""Settings of the command line: nothing that is given is ignored without a word."""

import argparse

import pytest
from mmengine.config import Config

from conftest import ROOT
from mcl_plugins.cli.common import load_config
from mcl_plugins.cli.options import check_options, merge_options
from mcl_plugins.cli.parsers.options import Options


@pytest.fixture
def config():
    return Config(
        dict(
            model=dict(type='ConMIM'),
            train_dataloader=dict(batch_size=4),
            auto_scale_lr=dict(enable=True, base_batch_size=96),
            param_scheduler=[dict(type='LinearLR')],
            data_root='data/imagenet',
            val_dataloader=dict(dataset=dict(data_root='data/imagenet/val')),
            two_crops=[dict(scale=224)],
            data_preprocessor=dict(views=[[dict(scale=224)]]),
        )
    )


@pytest.mark.parametrize(
    ('key', 'message'),
    [
        ('tran_dataloader.batch_size', "'tran_dataloader'; did you mean 'train_dataloader'"),
        ('clip_grad.max_norm', "there is no section 'clip_grad'.*The config has:.*model"),
        ('auto_scale_lr.base_batch', "enable and base_batch_size only.*'base_batch_size'"),
    ],
)
def test_what_nothing_would_read_is_refused(config, key, message):
    with pytest.raises(ValueError, match=f'{key}: .*{message}'):
        merge_options(config, {key: 4})


@pytest.mark.parametrize(
    ('variable', 'place'),
    [
        ('data_root', 'val_dataloader.dataset.data_root'),  # by its name
        ('two_crops', 'data_preprocessor.views.0'),  # by its value
    ],
)
def test_a_variable_of_the_config_files_is_refused(config, variable, place):
    with pytest.raises(ValueError, match=f'{variable} is a variable .* is used: {place}\\.$'):
        merge_options(config, {variable: '/imagenet'})


@pytest.mark.parametrize(
    'key',
    [
        'train_dataloader.batch_size',
        'param_scheduler.0.end',
        'auto_scale_lr.enable',
        'auto_scale_lr',
        # The Runner's, and the commands' own, which the config may leave out.
        'load_from',
        'custom_hooks',
        'randomness.seed',
        'env_cfg.cudnn_benchmark',
        'find_unused_parameters',
        'custom_imports.imports',
        'tta_model.type',
        # What MMEngine's Runners look up in the whole config.
        'compile',
        'strategy.type',
        'activation_checkpointing',
        'efficient_conv_bn_eval',
        'sync_bn',
        'init_weights_for_test_or_val',
    ],
)
def test_what_is_read_is_allowed(config, key):
    check_options(config, {key: 1})


@pytest.mark.parametrize('key', ['param_scheduler.9.end', 'train_dataloader.batch_size.x'])
def test_a_setting_of_what_has_no_such_part_is_named(config, key):
    with pytest.raises(ValueError, match=f'--cfg-options .*{key}'):
        merge_options(config, {key: 1})


@pytest.mark.parametrize(
    ('setting', 'message'),
    [
        ('noequal', "'noequal' is not of the form key=value"),
        ('=3', "'=3' is not of the form key=value"),
        ('x=[1,2', "'x=[1,2': Imbalanced brackets"),
    ],
)
def test_what_is_no_setting_ends_in_the_usage(setting, message, capsys):
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=Options)
    with pytest.raises(SystemExit):
        parser.parse_args(['--cfg-options', 'a.b=1', setting])
    assert message in capsys.readouterr().err
    read = parser.parse_args(['--cfg-options', 'a.b=1', 'c="[1,2]"', 'd=/a, b/c']).cfg_options
    assert read == {'a.b': 1, 'c': [1, 2], 'd': ['/a', 'b/c']}


@pytest.fixture
def read():
    def read(*settings):
        parser = argparse.ArgumentParser()
        parser.add_argument('--cfg-options', nargs='+', action=Options)
        return parser.parse_args(['--cfg-options', *settings]).cfg_options

    return read


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('my images', 'my images'),
        ('/data/my images', '/data/my images'),
        ('C:\\my data\\train', 'C:\\my data\\train'),
        ('C:/data', 'C:/data'),
        ('a b, c d', ['a b', 'c d']),
        ('[a b,[1, 2.5],(x,None)]', ['a b', [1, 2.5], ('x', None)]),
        ("['a, b', 'c']", ['a, b', 'c']),
        ('"[1,2]"', [1, 2]),
        ('1,2', [1, 2]),
        ('(1)', (1,)),
        ('()', ()),
        ('[]', []),
        ("dict(type='ProbeHook', interval=5)", dict(type='ProbeHook', interval=5)),
        ("[{'type': 'TensorboardVisBackend'}]", [dict(type='TensorboardVisBackend')]),
        ('1e-3', 1e-3),
        ('true', True),
        ('None', None),
        ('(8) images', '(8) images'),
    ],
)
def test_values_are_taken_as_they_are(read, text, value):
    assert read(f'key={text}') == {'key': value}


@pytest.mark.parametrize(
    ('key', 'word', 'value'),
    [
        ('val_dataloader.dataset.data_root', '007', '007'),
        ('val_dataloader.dataset.data_root', '1e5', '1e5'),
        ('val_dataloader.dataset.data_root', 'a, b', 'a, b'),
        ('val_dataloader.dataset.data_root', 'None', None),
        ('val_dataloader.dataset.ann_file', '12', '12'),  # the config does not have it
        ('train_dataloader.batch_size', '8', 8),
    ],
)
def test_a_number_is_a_name_where_the_config_has_one(config, read, key, word, value):
    merge_options(config, read(f'{key}={word}'))
    part = config
    for name in key.split('.'):
        part = part[name]
    assert part == value and type(part) is type(value)


def test_lists_grow_by_their_next_place(config, read):
    config.visualizer = dict(vis_backends=[dict(type='LocalVisBackend')])
    merge_options(
        config,
        read(
            'visualizer.vis_backends.1.type=WandbVisBackend',
            'visualizer.vis_backends.1.init_kwargs.project=mine',
            'custom_hooks.0.type=mcl_plugins.ProbeHook',
            'custom_hooks.0.interval=5',
            "custom_hooks.1=dict(type='EMAHook')",
        ),
    )
    wandb = dict(type='WandbVisBackend', init_kwargs=dict(project='mine'))
    assert config.visualizer.vis_backends == [dict(type='LocalVisBackend'), wandb]
    probe = dict(type='mcl_plugins.ProbeHook', interval=5)
    assert config.custom_hooks == [probe, dict(type='EMAHook')]
    with pytest.raises(ValueError, match='Index 5 exceeds'):
        merge_options(config, read('custom_hooks.5.type=EMAHook'))


def test_a_strategy_needs_a_runner_that_reads_it():
    config = str(ROOT / 'configs/quickstart/conmim.py')
    settings = {'strategy.type': 'DDPStrategy'}
    with pytest.raises(
        ValueError, match=r'mcl_plugins\.Runner does not read it\. .*FlexibleRunner'
    ):
        load_config(config, cfg_options=settings)
    settings['runner_type'] = 'FlexibleRunner'
    assert load_config(config, cfg_options=settings).strategy.type == 'DDPStrategy'
