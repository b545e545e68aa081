"""What was typed for an option stays with it, however the options are copied."""

import argparse
import copy
import json
import pickle

import pytest
from mmengine.config import Config

from mcl_plugins.cli.options import merge_options
from mcl_plugins.cli.parsers.options import Options
from mcl_plugins.cli.reproduce import stages
from mcl_plugins.cli.reproduce.stages import Launch

ROOT = 'train_dataloader.dataset.data_root'
RATE = 'optim_wrapper.optimizer.lr'


def read(*words):
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=Options)
    return parser.parse_args(words).cfg_options


def as_child(options):
    """The options as the command reads them that a chain starts on several processes."""
    return read(*stages._as_words(options))


def merged(options):
    config = Config(
        dict(
            train_dataloader=dict(dataset=dict(data_root='data'), batch_size=4),
            optim_wrapper=dict(optimizer=dict(lr=1e-3)),
        )
    )
    merge_options(config, options)
    return config


@pytest.mark.parametrize(
    'copied',
    [
        dict,
        lambda options: {'randomness.seed': 1, **options},
        lambda options: {**options, 'load_from': None},
        copy.deepcopy,
        lambda options: pickle.loads(pickle.dumps(options)),
        as_child,
        lambda options: as_child(dict(as_child(options))),
    ],
)
@pytest.mark.parametrize('word', ['2024', '007', '1e5', 'a, b', '2024_05'])
def test_a_folder_whose_name_is_a_number_stays_one(copied, word):
    config = merged(copied(read('--cfg-options', f'{ROOT}={word}', f'{RATE}=2e-3')))
    assert config.train_dataloader.dataset.data_root == word
    assert config.optim_wrapper.optimizer.lr == 2e-3


def test_where_no_word_is_meant_the_config_gets_plain_values():
    """Which it can dump, and a checkpoint can hold."""
    words = (f'{RATE}=1', 'train_dataloader.batch_size=1,2', 'custom_hooks=[]')
    config = merged(read('--cfg-options', *words))
    values = (config.optim_wrapper.optimizer.lr, config.train_dataloader.batch_size)
    assert values == (1, [1, 2]) and [type(value) for value in values] == [int, list]


def test_options_are_recorded_as_their_values():
    options = read('--cfg-options', 'a=7', 'b=0.5', 'c=1,2', 'd=None', 'e=word')
    values = dict(a=7, b=0.5, c=[1, 2], d=None, e='word')
    assert options == values and json.loads(json.dumps(options)) == values
    assert repr(options) == repr(values)


def test_each_stage_gets_the_text_that_was_typed(monkeypatch, tmp_path):
    started = []
    monkeypatch.setattr(stages, '_call', started.append)
    options = {**read('--cfg-options', f'{ROOT}=007'), 'load_from': None}
    stages.run_preflight(tmp_path / 'c.py', tmp_path / 'cost.json', options, Launch(1))
    assert started[0][-3:] == ['--cfg-options', f'{ROOT}=007', 'load_from=None']
