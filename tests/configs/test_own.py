"""The templates for own data: each is on the page, and its model can be built."""

import re

import pytest
import torch
from mmengine.registry import MODELS
from zoo import ROOT

from mcl_plugins.cli.common import load_config

FOLDER = ROOT / 'configs/own'
TRAINED = [path.name for path in FOLDER.glob('*.py') if 'checkpoint=' in path.read_text()]


def test_the_page_links_to_every_template_and_to_nothing_else():
    links = re.findall(r'\]\((\w[^)/]*\.py)\)', (FOLDER / 'README.md').read_text())
    assert sorted(links) == sorted(path.name for path in FOLDER.glob('*.py'))


@pytest.mark.parametrize('name', sorted(TRAINED))
def test_a_training_on_labels_starts_from_a_template_of_pretraining(name):
    config = load_config(FOLDER / name)
    init = config.model.backbone.init_cfg
    source, file = re.match(r'work_dirs/own/([\w-]+)/epoch_(\d+)\.pth', init.checkpoint).groups()
    assert load_config(FOLDER / f'{source}.py').train_cfg.max_epochs == int(file)
    classes = config.train_dataloader.dataset.metainfo.classes
    part = config.model
    if config.default_scope == 'mmpretrain':
        part = {**part, 'data_preprocessor': config.data_preprocessor}
    init.checkpoint = ''
    with torch.device('meta'):
        model = MODELS.build({**part, '_scope_': config.default_scope})
    numbers = [getattr(each, 'num_classes', None) for each in model.modules()]
    numbers = [number for number in numbers if isinstance(number, int)]
    assert set(numbers) in ({len(classes)}, {len(classes), 1})  # RPN: object or not
