"""A checkpoint whose state is not that of a training is named, without a traceback."""

import re

import pytest

from mcl_plugins.checkpoint.files import save_file
from mcl_plugins.engine.runner import Runner


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        ({'meta': {'epoch': 1, 'iter': 4}}, "KeyError: 'message_hub'"),
        ({'meta': {'epoch': 'one', 'iter': 4}, 'message_hub': {}}, "TypeError: '>=' not supported"),
    ],
    ids=['lacks a part', 'words for numbers'],
)
def test_a_state_of_another_form_is_named(training_config, tmp_path, content, reason):
    file = tmp_path / 'other.pth'
    training_config.merge_from_dict({'resume': True, 'load_from': str(file)})
    runner = Runner.from_cfg(training_config)
    save_file({'state_dict': runner.model.state_dict(), 'optimizer': {}, **content}, file)
    message = f'{file} is not a checkpoint of this training: its state has not the form that is '
    with pytest.raises(ValueError, match=rf'^{re.escape(message)}expected\. \({re.escape(reason)}'):
        runner.train()
