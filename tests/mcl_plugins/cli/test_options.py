"""Settings of the command line: nothing that is given is ignored without a word."""

import argparse

import pytest
from mmengine.config import Config

from mcl_plugins.cli.options import Options, check_options, merge_options


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
