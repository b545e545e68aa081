"""The step benchmark compares a config with a variant of it."""

import re

import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS

from conftest import ROOT
from mcl_plugins import registry
from mcl_plugins.cli.benchmark import references
from mcl_plugins.cli.benchmark.step import Step
from processes import mcl


def test_both_variants_and_their_ratio_are_printed():
    words = [ROOT / 'configs/quickstart/conmim.py', '--batch-size', 4, '--steps', 2]
    words += ['--device', 'cpu', '--against', 'model.mask_generator.mask_ratio=0.75']
    result = mcl('bench step', *words)
    assert result.returncode == 0, result.stderr
    rows = dict(re.findall(r'^(config|variant) +([\d.]+) ms', result.stdout, re.M))
    (ratio,) = re.findall(r'variant / config: ([\d.]+)', result.stdout)
    assert float(ratio) == pytest.approx(float(rows['variant']) / float(rows['config']), abs=0.02)


@pytest.mark.parametrize('batches', [1, 2, 3])
def test_a_step_ends_with_that_of_the_optimizer(batches, capsys):
    config = Config.fromfile(ROOT / 'configs/quickstart/conmim.py')
    config.optim_wrapper.accumulative_counts = batches
    step = Step(config, 2, torch.device('cpu'))
    updates = []
    step.wrapper.optimizer.register_step_post_hook(lambda *_: updates.append(None))
    for number in (1, 2):
        step()
        assert len(updates) == number
    assert step.images == 2 * batches
    assert step.report('config') == pytest.approx(step.seconds[1] / step.images)
    said = f'accumulates {batches} batches of 2 images' in capsys.readouterr().out
    assert said == (batches > 1)


def test_the_reference_for_ccmim_computes_the_same():
    """Whole maps and a graph through the hidden set give the same losses and gradients."""
    config = Config.fromfile(ROOT / 'configs/quickstart/ccmim.py')
    results = []
    for kind in ('mcl_plugins.CcMIM', 'mcl_benchmark.CcMIMWithMaps'):
        config.model.type = kind
        torch.manual_seed(0)
        model = MODELS.build({**config.model, 'data_preprocessor': config.data_preprocessor})
        model.init_weights()
        model.double()
        losses = model.loss([torch.randn(4, 3, 32, 32).double()])
        (losses['loss_pixel'] + losses['loss_contrast']).backward()
        results.append([losses['loss_pixel'], *(p.grad for p in model.parameters())])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_references_for_mimco_compute_the_same():
    """All logits in one tensor give the same step."""
    results = []
    for reference in (False, True):
        config = Config.fromfile(ROOT / 'configs/quickstart/mimco.py')
        if reference:
            for level in ('patch', 'image'):
                head = config.model[f'{level}_contrast'].head
                head.type = 'mcl_benchmark.QueueInfoNCEWithLogits'
        torch.manual_seed(0)
        model = MODELS.build({**config.model, 'data_preprocessor': config.data_preprocessor})
        model.teacher.is_init = True  # any weights will do
        model.init_weights()
        model.double()
        torch.manual_seed(1)
        losses = model.loss([torch.randn(4, 3, 32, 32).double()])
        (losses['loss_patch'] + losses['loss_image']).backward()
        gradients = [p.grad for p in model.parameters() if p.requires_grad]
        results.append([losses[name] for name in sorted(losses)] + gradients)
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_references_are_no_parts_of_the_package():
    names = {'CcMIMWithMaps', 'QueueInfoNCEWithLogits'}
    assert names <= references.REFERENCES.module_dict.keys()
    assert not names & registry.MODELS.module_dict.keys()


def test_a_preprocessor_inside_of_the_model_goes_before_the_configs():
    """As in MMEngine's Runner."""
    config = Config.fromfile(ROOT / 'configs/quickstart/conmim.py')
    inner = {**config.data_preprocessor, 'mean': [1.0, 2.0, 3.0]}
    for outer in (config.data_preprocessor, None):
        config.data_preprocessor = outer
        config.model.data_preprocessor = inner
        step = Step(config, 2, torch.device('cpu'))
        mean = 255 * step.model.data_preprocessor.mean.flatten()
        torch.testing.assert_close(mean, torch.tensor(inner['mean']))
