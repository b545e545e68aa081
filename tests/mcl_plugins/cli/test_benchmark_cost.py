"""What the pre-trainings cost: the heads of the configs and the page are those of the command."""

import re

import pytest
import torch
from mmengine.config import Config

from conftest import ROOT
from mcl_plugins.cli.benchmark.cost import (
    HEADING,
    compute_cost,
    count_bytes,
    hours,
    main,
    main_configs,
    make_section,
    write_head,
)
from mcl_plugins.cli.benchmark.step import Step, read_variant
from mcl_plugins.cli.reproduce.forecast import count_images

PAGE = (ROOT / 'docs/performance.md').read_text()
RECOUNTED = 'mocov3/vit-s.py'


def rows():
    """The cells of the page's table by config."""
    section = PAGE[PAGE.index(HEADING) :].partition('\n## ')[0]
    lines = [line.strip('| ').split(' | ') for line in section.splitlines() if line[:1] == '|']
    return {config: cells for config, *cells in lines[2:]}


def head_of(config):
    text = (ROOT / 'configs' / config).read_text()
    return [line for line in text.splitlines() if line.startswith(('# Train: ', '# Cost: '))]


def test_each_main_config_has_command_cost_and_result_in_its_head():
    assert list(rows()) == main_configs() and len(main_configs()) > 15
    for config, (_, _, time, size, memory) in rows().items():
        gpus = size.partition(' x ')[0]
        assert head_of(config) == [
            f'# Train: tools/dist_train.sh configs/{config} {gpus}',
            f'# Cost: {time} H100 hours at 40% MFU, {memory} GiB a GPU (computed, mcl bench cost).',
        ]
        above = (ROOT / 'configs' / config).read_text().partition('# Train: ')[0]
        assert re.search(r'paper|released README|Table', above), f'{config}: no result to expect'


def test_hours_follow_from_images_and_operations():
    for config, (million, gflop, time, *_) in rows().items():
        images = count_images(Config.fromfile(ROOT / 'configs' / config))
        assert f'{images / 1e6:,.0f}' == million
        found = float(time.replace(',', ''))
        assert found == pytest.approx(hours(images, float(gflop)), abs=0.6, rel=2e-3), config


def test_a_config_is_counted_anew(capsys):
    main([RECOUNTED])
    row = capsys.readouterr().out.splitlines()[-1]
    assert row.strip('| ').split(' | ') == [RECOUNTED, *rows()[RECOUNTED]]


def test_memory_is_that_of_weights_gradients_and_moments():
    step = Step(read_variant('quickstart/cmae.py', {}), 2, torch.device('cpu'))
    model = step.model
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    followed = sum(p.numel() for p in model.parameters() if not p.requires_grad)
    buffers = sum(b.numel() * b.element_size() for b in model.buffers())
    assert count_bytes(step) == 4 * (4 * trained + followed) + buffers


def test_a_method_of_another_kind_is_refused():
    with pytest.raises(ValueError, match='not a pre-training config'):
        compute_cost('quickstart/cmae_finetune.py')


def test_a_head_is_written_once(tmp_path):
    config = tmp_path / 'vit.py'
    config.write_text('# ViT: 80.0 (paper).\n_base_ = []\n# Train: later\n')
    for words in (['# Train: a', '# Cost: b'], ['# Train: c', '# Cost: d']):
        write_head(config, words)
    assert config.read_text() == '# ViT: 80.0 (paper).\n# Train: c\n# Cost: d\n_base_ = []\n'


def test_the_section_of_no_config_has_a_table():
    assert make_section([]).endswith('--- |\n')
