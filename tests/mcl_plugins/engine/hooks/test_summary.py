"""The log of a first run says what is trained, what its values mean, and where the results are."""

import re
from pathlib import Path

from mcl_plugins.engine.hooks.summary import MONITORS, describe_monitors
from mcl_plugins.engine.runner import Runner


def test_the_log_of_a_first_run_reads_from_the_data_to_the_checkpoint(training_config):
    config = training_config
    config.train_cfg.max_epochs = 2
    runner = Runner.from_cfg(config)
    trained = sum(p.numel() for p in runner.model.parameters() if p.requires_grad)
    runner.train()
    (file,) = Path(runner.log_dir).glob('*.log')
    text = file.read_text()
    said = [
        r'/train: 16 images\.',
        rf'Training ConMIM with the encoder MaskedBEiTViT \({trained / 1e6:.1f} million parameters'
        r'\) for 2 epochs of 4 iterations on cpu in 1 process\.',
        r'Epoch\(train\) \[1\]\[1/4\]',
        r'In the log, top1 is the share .* chance is .* key_spread is .*\.',
        r'Epoch\(train\) \[2\]\[4/4\]',
        rf'Finished\. Checkpoints and logs are in {config.work_dir}\. '
        r'The last checkpoint is epoch_2\.pth\.',
    ]
    found = [re.search(line, text) for line in said]
    assert all(found), found
    places = [match.start() for match in found]
    assert places == sorted(places)
    assert text.count('In the log,') == 1


def test_a_finished_run_is_not_said_to_have_trained(training_config):
    config = training_config
    Runner.from_cfg(config).train()
    config.experiment_name += '-again'
    config.resume = True
    runner = Runner.from_cfg(config)
    said = []
    runner.logger.info = said.append
    runner.train()
    assert not any(text.startswith(('Finished.', 'In the log')) for text in said)


def test_values_of_several_levels_are_explained_once():
    outputs = {'loss_patch': 1, 'top1_patch': 0, 'top1_image': 0, 'chance_image': 0}
    assert describe_monitors(outputs) == (
        f'top1 is {MONITORS["top1"]}; chance is {MONITORS["chance"]}'
    )
    assert describe_monitors({'loss': 1.0}) == ''
