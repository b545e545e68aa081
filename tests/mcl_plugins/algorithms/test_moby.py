"""MoBY and its multi-task variant: losses, target, gradients, queues, two processes."""

import copy
import math

import pytest
import torch
from mmcv.cnn.bricks import DropPath
from mmpretrain.registry import MODELS
from torch.nn.parallel import DistributedDataParallel

from conftest import MOBY_MLP, PREPROCESSOR, SMALL_SWIN, GivenMask
from processes import run_on_two_processes

SMALL = dict(
    type='mcl_plugins.MoBY',
    backbone={**SMALL_SWIN, 'type': 'mcl_plugins.SwinTransformer', 'drop_path_rate': 0.0},
    projector=dict(**MOBY_MLP, in_channels=32, with_avg_pool=True),
    predictor=dict(**MOBY_MLP, in_channels=16, with_avg_pool=False),
    contrast_head=dict(type='mcl_plugins.QueueInfoNCEHead', temperature=0.2),
    queue=dict(dim=16, length=10),
    momentum=dict(start=0.9, end=1.0),
    data_preprocessor={**PREPROCESSOR, 'views': [[], []]},
)
MULTI_TASK = {
    **SMALL,
    'type': 'mcl_plugins.SimMIMMoBY',
    'backbone': {**SMALL['backbone'], 'type': 'mcl_plugins.SimMIMSwin'},
    'neck': dict(type='SimMIMLinearDecoder', in_channels=32, encoder_stride=4),
    'head': dict(
        type='SimMIMHead',
        patch_size=4,
        loss=dict(type='PixelReconstructionLoss', criterion='L1', channel=3),
    ),
    'mask_generator': dict(type='mcl_plugins.RandomMask', mask_ratio=0.6),
    'data_preprocessor': {**PREPROCESSOR, 'views': [[], [], []]},
}


def build(config=SMALL, **changes):
    model = MODELS.build({**config, **changes})
    model.init_weights()
    return model.double()


def views(count=2, batch=4):
    return list(torch.randn(count, batch, 3, 32, 32).double())


def shake(module):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))


def test_loss_equals_a_plain_loop_with_crossed_views_and_queues():
    """Three batches of 4 in queues of 10, so that they wrap around."""
    model = build()
    shake(model.ema)
    rows = [list(queue.keys.T) for queue in model.queues]
    assert not torch.equal(model.queues[0].keys, model.queues[1].keys)
    for step in range(3):
        batch = views()
        with torch.no_grad():
            queries = [model.predictor(model.projector(model.backbone(view)))[0] for view in batch]
            keys = [model.ema.projector(model.ema.backbone(view))[0] for view in batch]
        expected = 0.0
        for own, other in ((0, 1), (1, 0)):
            for query, key in zip(queries[own], keys[other], strict=True):
                q, positive = query / query.norm(), key / key.norm()
                scores = [math.exp(q @ k / 0.2) for k in (positive, *rows[other])]
                expected -= math.log(scores[0] / sum(scores)) / 4
        losses = model.loss(batch)
        assert losses['loss_contrast'].item() == pytest.approx(expected, rel=1e-9)
        assert losses['chance'].item() == pytest.approx(2 * math.log(11))
        for view in range(2):
            for n, key in enumerate(keys[view]):
                rows[view][(step * 4 + n) % 10] = key / key.norm()
            torch.testing.assert_close(model.queues[view].keys.T, torch.stack(rows[view]))


@pytest.mark.parametrize('config', [SMALL, MULTI_TASK], ids=['MoBY', 'multi-task'])
def test_every_trained_parameter_gets_a_gradient_and_no_target_one(config):
    model = build(config)
    total, log = model.parse_losses(model.loss(views(2 if config is SMALL else 3)))
    total.backward()
    for name, param in model.named_parameters():
        if name.startswith('ema.'):
            assert not param.requires_grad and param.grad is None
        else:
            assert param.grad is not None and param.grad.isfinite().all(), name
    extra = {'loss_pixel'} if config is MULTI_TASK else set()
    assert set(log) == {'loss', 'loss_contrast', 'top1', 'chance', 'key_spread'} | extra


def test_the_target_has_no_drop_path_and_the_online_encoder_has():
    model = build(backbone={**SMALL['backbone'], 'drop_path_rate': 0.5})
    rates = [
        [layer.drop_prob for layer in encoder.modules() if isinstance(layer, DropPath)]
        for encoder in (model.backbone, model.ema.backbone)
    ]
    assert max(rates[0]) == 0.5 and rates[1] == [0.0] * len(rates[0])
    model.train()
    (images,) = views(1)
    keys = [model.ema.backbone(images)[0] for _ in range(2)]
    assert torch.equal(*keys)
    assert not torch.equal(*(model.backbone(images)[0] for _ in range(2)))


def test_the_target_starts_equal_and_moves_by_one_minus_momentum():
    model = build()
    for name, param in model.ema.named_parameters():
        assert torch.equal(param, model.get_parameter(name))
    with torch.no_grad():
        for param in (*model.backbone.parameters(), *model.projector.parameters()):
            param.add_(1.0)
    before = {name: p.clone() for name, p in model.ema.named_parameters()}
    model.ema.update(model.ema.schedule(5, 10))  # half way: momentum 0.95
    for name, param in model.ema.named_parameters():
        torch.testing.assert_close(param - before[name], torch.full_like(param, 0.05))


def test_a_few_steps_learn_a_fixed_batch():
    torch.manual_seed(1)
    model = build(queue=dict(dim=16, length=8))
    (images,) = views(1, batch=8)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    for step in range(60):
        losses = model.loss([images, images + 0.1 * torch.randn_like(images)])
        optimizer.zero_grad()
        losses['loss_contrast'].backward()
        model.set_progress(step, 60)
        optimizer.step()
        if step == 0:
            first = losses['loss_contrast'].item()
    # The queue holds the same images' keys: 8 equal ones are as good as it gets, times two.
    assert losses['loss_contrast'].item() < min(first, losses['chance'].item()) - 0.2


def test_the_multi_task_loss_is_the_sum_of_its_parts():
    model = build(MULTI_TASK)
    light, *strong = views(3)
    mask = model.draw_mask(light)
    model.mask_generator = GivenMask(mask.mask)
    moby = build()
    shared = {k: v for k, v in model.state_dict().items() if 'mask_token' not in k}
    moby.load_state_dict({k: v for k, v in shared.items() if not k.startswith('neck.')})
    expected = moby.loss(strong)['loss_contrast']
    losses = model.loss([light, *strong])
    torch.testing.assert_close(losses['loss_contrast'], expected)
    # SimMIM: mean absolute error of the hidden pixels.
    pixels = model.neck(model.backbone(light, mask)[0])
    hidden = mask.mask.view(-1, 1, 8, 8).repeat_interleave(4, 2).repeat_interleave(4, 3)
    error = (pixels - light).abs() * hidden
    torch.testing.assert_close(
        losses['loss_pixel'], error.sum() / (hidden.sum() * 3), rtol=1e-6, atol=0
    )


def _half_of_the_batch(rank, state, batches, expected_losses, expected):
    model = build()
    model.load_state_dict(state)
    wrapped = DistributedDataParallel(model, broadcast_buffers=False)
    half = slice(rank * 3, rank * 3 + 3)
    for batch, expected_loss in zip(batches, expected_losses, strict=True):
        model.zero_grad()
        loss = wrapped([view[half] for view in batch], mode='loss')['loss_contrast']
        loss.backward()
        loss = loss.detach()
        torch.distributed.all_reduce(loss)
        torch.testing.assert_close(loss / 2, expected_loss)
    for view in range(2):
        torch.testing.assert_close(model.queues[view].keys, expected[f'queue{view}'])
    for name, param in model.named_parameters():
        if param.requires_grad:
            torch.testing.assert_close(
                param.grad, expected[name], msg=lambda text, name=name: f'{name}: {text}'
            )


def test_two_processes_equal_one():
    """Two batches of 3 + 3 in queues of 10: same losses, gradients and queues as 6 on one."""
    model = build()
    shake(model.ema)
    state = copy.deepcopy(model.state_dict())
    batches = [views(batch=6) for _ in range(2)]
    losses = []
    for batch in batches:
        model.zero_grad()
        loss = model.loss(batch)['loss_contrast']
        loss.backward()
        losses.append(loss.detach())
    expected = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
    expected |= {f'queue{view}': model.queues[view].keys for view in range(2)}
    run_on_two_processes(_half_of_the_batch, state, batches, losses, expected)
