"""ConMIM as a whole: gradients, teacher, views, two processes, mixed precision."""

import copy
import math

import pytest
import torch
from mmpretrain.registry import MODELS
from torch.nn.parallel import DistributedDataParallel

from conftest import SMALL, GivenMask
from processes import run_on_two_processes


def views(batch=4):
    return [torch.randn(batch, 3, 32, 32) for _ in range(2)]


def test_every_trained_parameter_gets_a_gradient_and_no_teacher_one(small_conmim):
    small_conmim.loss(views())['loss_contrast'].backward()
    for name, param in small_conmim.named_parameters():
        if name.startswith('ema.'):
            assert not param.requires_grad and param.grad is None
        else:
            assert param.grad is not None and param.grad.isfinite().all(), name


def test_a_fresh_teacher_equals_the_student(small_conmim):
    state = small_conmim.state_dict()
    for name in [name for name in state if name.startswith('ema.')]:
        assert torch.equal(state[name], state[name.removeprefix('ema.')])


def test_teacher_sees_the_whole_strong_view_in_train_mode(small_conmim):
    """Its keys come from the batch's statistics, and its own running ones move."""
    weak, strong = views()
    small_conmim.train()
    running = small_conmim.ema.neck.bn0.running_mean.clone()
    seen = {}
    small_conmim.ema.backbone.register_forward_pre_hook(
        lambda _, arguments: seen.update(images=arguments[0], hidden=arguments[1])
    )
    small_conmim.loss([weak, strong])
    assert torch.equal(seen['images'], strong) and seen['hidden'] is None
    assert not torch.equal(running, small_conmim.ema.neck.bn0.running_mean)


def test_projector_norm_runs_over_all_tokens_with_the_class_token(small_conmim):
    rows = []
    small_conmim.neck.bn0.register_forward_pre_hook(lambda _, arguments: rows.append(arguments[0]))
    small_conmim.loss(views(batch=4))
    assert rows[0].shape == (4 * (16 + 1), 32)


def test_teacher_follows_the_schedule(small_conmim):
    before = {n: p.clone() for n, p in small_conmim.ema.named_parameters()}
    with torch.no_grad():
        for param in small_conmim.backbone.parameters():
            param.add_(1.0)
    small_conmim.ema.update(small_conmim.ema.schedule(5, 10))
    momentum = 1 - 0.1 * (1 + math.cos(math.pi * 0.5)) / 2
    for name, param in small_conmim.ema.backbone.named_parameters():
        moved = param - before[f'backbone.{name}']
        torch.testing.assert_close(moved, torch.full_like(moved, 1 - momentum), atol=1e-6, rtol=0)


def test_monitors_do_not_enter_the_loss(small_conmim):
    losses = small_conmim.loss(views())
    total, log = small_conmim.parse_losses(losses)
    assert torch.equal(total, losses['loss_contrast'])
    assert set(log) == {'loss', 'loss_contrast', 'top1', 'chance', 'key_spread'}
    assert log['chance'].item() == pytest.approx(math.log(16))


def test_same_seed_same_loss(small_conmim):
    batch = dict(inputs=torch.randint(256, (4, 3, 32, 32), dtype=torch.uint8), data_samples=None)
    losses = []
    for _ in range(2):
        torch.manual_seed(3)
        data = small_conmim.data_preprocessor(batch, training=True)
        losses.append(small_conmim.loss(**data)['loss_contrast'])
    assert torch.equal(*losses)


def test_bfloat16_autocast_stays_close_to_float32(small_conmim):
    small_conmim.mask_generator = GivenMask(torch.arange(16).expand(4, -1) >= 4)
    batch = views()
    exact = small_conmim.loss(batch)['loss_contrast']
    with torch.autocast('cpu', torch.bfloat16):
        rounded = small_conmim.loss(batch)['loss_contrast']
    assert rounded.dtype == torch.float32
    assert rounded.item() == pytest.approx(exact.item(), rel=0.02)


def test_a_few_steps_learn_a_fixed_batch(small_conmim):
    torch.manual_seed(0)
    weak, _ = views(batch=8)
    optimizer = torch.optim.AdamW(
        [param for param in small_conmim.parameters() if param.requires_grad], lr=3e-3
    )
    small_conmim.mask_generator = GivenMask(torch.arange(16).expand(8, -1) >= 12)
    history = []
    for step in range(100):
        losses = small_conmim.loss([weak, weak])
        optimizer.zero_grad()
        losses['loss_contrast'].backward()
        small_conmim.set_progress(step, 100)
        optimizer.step()
        history.append(losses['loss_contrast'].item())
    assert min(history[-5:]) < 0.8 * losses['chance'].item()


def _half_of_the_batch(rank, state, batch, hidden, expected_loss, expected_gradients):
    model = MODELS.build(SMALL).double()
    model.load_state_dict(state)
    half = slice(rank * 4, rank * 4 + 4)
    model.mask_generator = GivenMask(hidden[half])
    wrapped = DistributedDataParallel(model, broadcast_buffers=False)
    losses = wrapped([view[half] for view in batch], mode='loss')
    losses['loss_contrast'].backward()
    mean = losses['loss_contrast'].detach().clone()
    torch.distributed.all_reduce(mean)
    torch.testing.assert_close(mean / 2, expected_loss)
    for name, param in model.named_parameters():
        if param.requires_grad:
            torch.testing.assert_close(
                param.grad, expected_gradients[name], msg=lambda text, name=name: f'{name}: {text}'
            )


def test_two_processes_equal_the_mean_of_two_halves(small_conmim):
    """BatchNorm statistics are those of a process, as released: hence halves, not the whole."""
    small_conmim.double()
    batch = [view.double() for view in views(batch=8)]
    hidden = torch.stack([torch.randperm(16) for _ in range(8)]) >= 4
    losses = []
    for half in (slice(0, 4), slice(4, 8)):
        model = copy.deepcopy(small_conmim)
        model.load_state_dict(small_conmim.state_dict())
        model.mask_generator = GivenMask(hidden[half])
        loss = model.loss([view[half] for view in batch])['loss_contrast']
        (loss / 2).backward()
        losses.append((loss.detach(), {n: p.grad for n, p in model.named_parameters()}))
    (first, one), (second, two) = losses
    gradients = {name: one[name] + two[name] for name in one if one[name] is not None}
    run_on_two_processes(
        _half_of_the_batch,
        small_conmim.state_dict(),
        batch,
        hidden,
        (first + second) / 2,
        gradients,
    )


def test_a_copy_has_its_own_student(small_conmim):
    """deepcopy (MMEngine's EMA hook makes one) must not leave the teacher with the old student."""
    clone = copy.deepcopy(small_conmim)
    with torch.no_grad():
        clone.backbone.cls_token.fill_(7.0)
    clone.ema.update(0.0)
    assert torch.equal(clone.ema.backbone.cls_token, clone.backbone.cls_token)
