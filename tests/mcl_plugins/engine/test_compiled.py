"""Blocks that are compiled one by one compute what they did, without graph breaks."""

import copy

import pytest
import torch
from mmpretrain.registry import MODELS
from torch._dynamo.utils import counters

from conftest import MOBY_MLP, SMALL, SMALL_MASKED_MOCO, SMALL_SWIN
from mcl_plugins.engine import Runner
from mcl_plugins.engine.compiled import compile_blocks

# The rate is 0 in the first block and 0.2 in the second.
DROPPED = {**SMALL, 'backbone': {**SMALL['backbone'], 'drop_path_rate': 0.2}}
MOBY = dict(
    type='mcl_plugins.MoBY',
    backbone={**SMALL_SWIN, 'type': 'mcl_plugins.SwinTransformer', 'drop_path_rate': 0.0},
    projector=dict(**MOBY_MLP, in_channels=32, with_avg_pool=True),
    predictor=dict(**MOBY_MLP, in_channels=16, with_avg_pool=False),
    contrast_head=dict(type='mcl_plugins.QueueInfoNCEHead', temperature=0.2),
    queue=dict(dim=16, length=12),
    momentum=dict(start=0.9, end=1.0),
    data_preprocessor=SMALL_MASKED_MOCO['data_preprocessor'],
)


@pytest.fixture(autouse=True)
def _fresh():
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize('config', [DROPPED, SMALL_MASKED_MOCO, MOBY], ids=lambda c: c['type'])
def test_compiled_blocks_compute_the_same_without_breaks_or_recompiling(config):
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(config))
    model.init_weights()
    compiled = copy.deepcopy(model)
    names = list(compiled.state_dict())
    assert compile_blocks(compiled, backend='eager', fullgraph=True) >= 4  # an EMA has blocks too
    assert list(compiled.state_dict()) == names
    views = [[torch.randn(4, 3, 32, 32) for _ in model.views] for _ in range(3)]
    graphs = []
    for step, images in enumerate(views):
        losses = []
        for each in (model, compiled):
            torch.manual_seed(step)
            losses.append(each.parse_losses(each.loss(images))[0])
        losses[1].backward()
        torch.testing.assert_close(losses[1], losses[0], rtol=1e-5, atol=0)
        graphs.append(counters['stats']['unique_graphs'])
    assert graphs[0] > 0 and graphs[1] == graphs[2]
    assert not counters['graph_break']


def test_the_runner_compiles_blocks_and_no_step(training_config):
    training_config.compile = dict(backend='eager')
    runner = Runner.from_cfg(training_config)
    for target in ('train_step', 'val_step'):
        runner._maybe_compile(target)
        assert target not in vars(runner.model)
    blocks = [*runner.model.backbone.layers, *runner.model.ema.backbone.layers]
    assert all(block._compiled_call_impl is not None for block in blocks)


def test_a_model_without_blocks_is_left_to_mmengine():
    assert compile_blocks(MODELS.build(dict(type='ResNet', depth=18))) == 0
