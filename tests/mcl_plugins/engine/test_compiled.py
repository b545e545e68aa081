"""Blocks that are compiled one by one compute what they did, without graph breaks."""

import copy

import pytest
import torch
from mmpretrain.registry import MODELS
from torch._dynamo.utils import counters
from torch._inductor import config as inductor

from mcl_plugins.cli.benchmark.step import Step
from mcl_plugins.cli.common import read_config
from mcl_plugins.engine import Runner
from mcl_plugins.engine.compiled import compile_blocks
from mcl_plugins.utils.places import find_config

HYBRID = {
    'model.backbone': dict(
        _delete_=True,
        type='mcl_plugins.MaskedConvViT',
        arch=dict(embed_dims=(8, 12, 96), depths=(1, 1, 2), num_heads=2),
        img_size=64,
    ),
    **{f'model.{name}.patch_size': 16 for name in ('pixel_decoder', 'pixel_head')},
    **{f'model.{name}.with_cls_token': False for name in ('pixel_decoder', 'feature_decoder')},
}
# Every method and every backbone.
CASES = {
    'ccmim': ('quickstart/ccmim.py', {}),
    'cmae': ('quickstart/cmae.py', {}),
    'cmae, hybrid': ('quickstart/cmae.py', HYBRID),
    # The rate is 0 in the first block and differs from block to block.
    'conmim': ('quickstart/conmim.py', {'model.backbone.drop_path_rate': 0.2}),
    'masked_byol': ('quickstart/masked_byol.py', {}),
    'masked_moco': ('quickstart/masked_moco.py', {}),
    'mimco, Swin': ('quickstart/mimco.py', {}),
    'mimco, ViT': ('pocket/mimco-vit.py', {}),
    'moby': ('quickstart/mimco_teacher.py', {}),
    'mocov3': ('pocket/mocov3.py', {}),
}


@pytest.fixture(autouse=True)
def _fresh():
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


def loss_of(model, seed, images):
    torch.manual_seed(seed)
    batch = model.data_preprocessor({'inputs': images}, True)
    return model.parse_losses(model(**batch, mode='loss'))[0]


def count_graphs(case, **options):
    """Compare three steps with and without compiling; return the graphs after each of them."""
    name, changes = CASES[case]
    config = read_config(find_config(name))
    config.merge_from_dict(changes)
    step = Step(config, batch_size=4, device=torch.device('cpu'))
    compiled = copy.deepcopy(step.model)
    names = list(compiled.state_dict())
    assert compile_blocks(compiled, fullgraph=True, **options) >= 4
    assert list(compiled.state_dict()) == names
    graphs = []
    for seed in range(3):
        images = torch.randint_like(step.batch['inputs'], 256)
        expected, found = (loss_of(model, seed, images) for model in (step.model, compiled))
        found.backward()
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)
        graphs.append(counters['stats']['unique_graphs'])
    return graphs


@pytest.mark.parametrize('case', CASES)
def test_compiled_blocks_compute_the_same_without_breaks_or_recompiling(case):
    graphs = count_graphs(case, backend='eager')
    assert graphs[0] > 0 and graphs[1] == graphs[2]
    assert not counters['graph_break']


def test_inductor_computes_the_same():
    with inductor.patch(compile_threads=1):
        assert count_graphs('masked_byol')[0] > 0


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
