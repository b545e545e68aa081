"""MimCo as a whole: what is compared with what, the frozen teacher, variants, two processes."""

import copy
import math

import pytest
import torch
from mmengine.runner.checkpoint import load_checkpoint
from mmpretrain.registry import MODELS
from torch.nn.parallel import DistributedDataParallel

from conftest import MOBY_MLP, PREPROCESSOR, SMALL_SWIN, SMALL_VIT, GivenMask
from mcl_plugins.checkpoint.files import save_file
from processes import run_on_two_processes

ENCODERS = {
    'swin': (
        {**SMALL_SWIN, 'type': 'mcl_plugins.SimMIMSwin'},
        {**SMALL_SWIN, 'type': 'mcl_plugins.SwinTransformer', 'drop_path_rate': 0.5},
        32,
    ),
    'vit': (
        {**SMALL_VIT, 'type': 'mcl_plugins.SimMIMViT'},
        {**SMALL_VIT, 'type': 'mcl_plugins.VisionTransformer', 'out_type': 'featmap'},
        48,
    ),
}


def config_of(path, kind='swin', **changes):
    student, teacher, width = ENCODERS[kind]
    contrast = dict(
        type='mcl_plugins.QueueContrast',
        projector=dict(**MOBY_MLP, in_channels=width, with_avg_pool=False),
        predictor=dict(**MOBY_MLP, in_channels=16, with_avg_pool=False),
        head=dict(type='mcl_plugins.QueueInfoNCEHead', temperature=0.2),
        queue=dict(dim=16, length=10),
    )
    init_cfg = dict(type='Pretrained', checkpoint=str(path), prefix='backbone.')
    return {
        **dict(
            type='mcl_plugins.MimCo',
            backbone=student,
            teacher=dict(backbone={**teacher, 'init_cfg': init_cfg}, how_to_get='train one'),
            mask_generator=dict(type='mcl_plugins.RandomMask', mask_ratio=0.6),
            patch_contrast=contrast,
            image_contrast=contrast,
            momentum=dict(start=0.9, end=1.0),
            data_preprocessor=PREPROCESSOR,
        ),
        **changes,
    }


@pytest.fixture
def teacher_file(tmp_path):
    def write(kind='swin'):
        torch.manual_seed(7)
        encoder = MODELS.build(ENCODERS[kind][1])
        encoder.init_weights()
        state = {f'backbone.{name}': value for name, value in encoder.state_dict().items()}
        save_file({'state_dict': state}, tmp_path / f'{kind}.pth')
        torch.manual_seed(0)
        return tmp_path / f'{kind}.pth'

    return write


@pytest.fixture
def build(teacher_file):
    def make(kind='swin', **changes):
        model = MODELS.build(config_of(teacher_file(kind), kind, **changes))
        model.init_weights()
        return model.double()

    return make


def images(batch=4):
    return torch.randn(batch, 3, 32, 32).double()


def total(losses):
    return sum(value for name, value in losses.items() if name.startswith('loss'))


VARIANTS = {
    'both': {},
    'patch only': dict(image_contrast=None),
    'image only': dict(patch_contrast=None),
    'no mask': dict(mask_generator=None),
}


@pytest.mark.parametrize('kind', ENCODERS)
@pytest.mark.parametrize('changes', VARIANTS.values(), ids=VARIANTS)
def test_every_trained_parameter_gets_a_gradient(build, kind, changes):
    model = build(kind, **changes)
    model.train()
    total(model.loss([images()])).backward()
    for name, param in model.named_parameters():
        unused = name == 'backbone.mask_token' and 'mask_generator' in changes
        if name.startswith('ema.') or unused:
            assert not param.requires_grad and param.grad is None, name
        else:
            assert param.grad is not None and param.grad.isfinite().all(), name


@pytest.mark.parametrize('kind', ENCODERS)
def test_what_is_compared_with_what(build, kind):
    """Student's masked image against the teacher's whole one, at hidden places and on average."""
    model = build(kind)
    seen = {}
    for level in ('patch', 'image'):
        getattr(model, f'{level}_contrast').register_forward_pre_hook(
            lambda _, args, level=level: seen.update({level: args})
        )
    batch = images()
    mask = model.draw_mask(batch)
    model.mask_generator = GivenMask(mask.mask)
    model.train()
    model.loss([batch])
    student = model.backbone(batch, mask)[0].flatten(2).transpose(1, 2)
    (teacher,) = model.teacher.encoder(batch)
    teacher = teacher.flatten(2).transpose(1, 2)
    torch.testing.assert_close(seen['patch'][0], student)
    torch.testing.assert_close(seen['patch'][1], teacher)
    assert seen['patch'][2] is model.ema.patch_projector
    assert torch.equal(seen['patch'][3].mask, mask.mask)
    torch.testing.assert_close(seen['image'][0], student.mean(dim=1, keepdim=True))
    torch.testing.assert_close(seen['image'][1], teacher.mean(dim=1, keepdim=True))
    assert seen['image'][2] is model.ema.image_projector and len(seen['image']) == 3


def test_without_a_mask_all_patches_are_compared(build):
    model = build(mask_generator=None)
    seen = []
    model.patch_contrast.head.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    model.loss([images()])
    assert len(seen[0]) == 4 * 64


def test_the_losses_are_added_and_each_level_has_its_monitors(build):
    losses = build().loss([images()])
    summed, log = build().parse_losses(losses)
    torch.testing.assert_close(summed, losses['loss_patch'] + losses['loss_image'])
    figures = ('loss', 'top1', 'chance', 'key_spread')
    assert set(log) == {'loss'} | {f'{f}_{level}' for f in figures for level in ('patch', 'image')}
    assert losses['chance_patch'].item() == pytest.approx(math.log(11))


def train(model, steps, batch):
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=3e-3, weight_decay=0.05
    )
    history = []
    for step in range(steps):
        losses = model.loss([batch])
        optimizer.zero_grad()
        total(losses).backward()
        model.set_progress(step, steps)
        optimizer.step()
        history.append({name: value.item() for name, value in losses.items()})
    return history


def test_training_changes_no_bit_of_the_teacher_and_learns(build):
    model = build()
    before = copy.deepcopy(model.teacher.encoder.state_dict())
    model.train()
    history = train(model, 60, images(batch=8))
    after = model.teacher.encoder.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert not model.teacher.encoder.training
    assert history[-1]['loss_patch'] < 0.7 * history[0]['loss_patch']


def test_checkpoints_are_without_teacher_and_a_resumed_model_has_it_again(build):
    model = build()
    train(model, 2, images())
    state = model.state_dict()
    assert [name for name in state if name.startswith('teacher')] == ['teacher.fingerprint']
    assert int(state['patch_contrast.queue.pointer']) == 8
    resumed = build()
    resumed.load_state_dict(state)
    batch = images()
    hidden = model.draw_mask(batch).mask
    model.mask_generator = resumed.mask_generator = GivenMask(hidden)
    assert torch.equal(total(model.loss([batch])), total(resumed.loss([batch])))


def test_a_training_does_not_go_on_with_another_teacher(build, tmp_path):
    model = build()
    assert model.teacher.fingerprint.any()
    other = build()
    with torch.no_grad():
        other.teacher.encoder.patch_embed.projection.bias[0] += 1e-3
    state = {f'backbone.{k}': v for k, v in other.teacher.encoder.float().state_dict().items()}
    save_file({'state_dict': state}, tmp_path / 'other.pth')
    other = MODELS.build(config_of(tmp_path / 'other.pth'))
    other.init_weights()
    with pytest.raises(ValueError, match=r'began with another teacher than .*other\.pth'):
        other.load_state_dict(model.state_dict())


def test_a_loaded_model_needs_its_teacher_before_it_computes_a_loss(build, teacher_file, tmp_path):
    trained = build().float()
    save_file({'state_dict': trained.state_dict()}, tmp_path / 'epoch_1.pth')
    model = MODELS.build(config_of(teacher_file()))
    load_checkpoint(model, str(tmp_path / 'epoch_1.pth'))
    with pytest.raises(RuntimeError, match='a SwinTransformer with init_cfg=.*random weights'):
        model.loss([images().float()])
    model.teacher.init_weights()
    batch = images().float()
    model.mask_generator = trained.mask_generator = GivenMask(model.draw_mask(batch).mask)
    assert torch.equal(total(model.loss([batch])), total(trained.loss([batch])))


def test_ema_projectors_follow_and_both_levels_have_their_own(build):
    model = build()
    patch, image = model.ema.patch_projector, model.ema.image_projector
    assert torch.equal(patch.fc0.weight, model.patch_contrast.projector.fc0.weight)
    assert torch.equal(image.fc0.weight, model.image_contrast.projector.fc0.weight)
    with torch.no_grad():
        model.patch_contrast.projector.fc0.weight.add_(1.0)
    before = patch.fc0.weight.clone()
    model.ema.update(model.ema.schedule(0, 10))
    moved = patch.fc0.weight - before
    torch.testing.assert_close(moved, torch.full_like(moved, 0.1))
    torch.testing.assert_close(image.fc0.weight, model.image_contrast.projector.fc0.weight)


def test_bfloat16_autocast_stays_close_to_float32(build):
    model = build().float()
    batch = images(batch=8).float()
    model.mask_generator = GivenMask(model.draw_mask(batch).mask)
    state = copy.deepcopy(model.state_dict())
    results = []
    for enabled in (False, True):
        model.load_state_dict(state)
        with torch.autocast('cpu', torch.bfloat16, enabled):
            results.append(model.loss([batch]))
    for name in ('loss_patch', 'loss_image'):
        assert results[1][name].dtype == torch.float32
        assert results[1][name].item() == pytest.approx(results[0][name].item(), rel=0.03)
    assert model.patch_contrast.queue.keys.dtype == torch.float32


# Errors


def test_a_teacher_of_another_width_is_named(teacher_file):
    path = teacher_file('vit')
    config = config_of(path, 'swin', teacher=config_of(path, 'vit')['teacher'])
    model = MODELS.build(config)
    model.init_weights()
    with pytest.raises(ValueError, match=r"student's map is \(32, 8, 8\).*teacher's \(48, 4, 4\)"):
        model.loss([images().float()])


def test_a_student_without_mask_token_is_refused(build):
    plain = {**SMALL_SWIN, 'type': 'mcl_plugins.SwinTransformer'}
    with pytest.raises(
        ValueError, match='is a SwinTransformer, which takes no mask: .*SimMIMSwin or'
    ):
        build(backbone=plain, mask_generator=None)


def test_two_views_are_one_too_many(build):
    with pytest.raises(ValueError, match=r'MimCo takes 1 view \(image\), but the batch has 2'):
        build().loss([images(), images()])


def test_no_contrast_at_all_is_refused(build):
    with pytest.raises(ValueError, match='patch_contrast, image_contrast or both'):
        build(patch_contrast=None, image_contrast=None)


def test_a_missing_teacher_stops_with_the_instruction():
    model = MODELS.build(config_of('/no/such/teacher.pth'))
    with pytest.raises(FileNotFoundError, match='/no/such/teacher.pth(?s:.)*train one'):
        model.init_weights()


# Two processes


def _half_of_the_batch(rank, config, state, batches, hidden, expected_losses, expected):
    model = MODELS.build(config)
    model.init_weights()
    model.double().load_state_dict(state)
    half = slice(rank * 3, rank * 3 + 3)
    model.mask_generator = GivenMask(hidden[half])
    wrapped = DistributedDataParallel(model, broadcast_buffers=False)
    for batch, expected_loss in zip(batches, expected_losses, strict=True):
        model.zero_grad()
        loss = total(wrapped([batch[half]], mode='loss'))
        loss.backward()
        loss = loss.detach()
        torch.distributed.all_reduce(loss)
        torch.testing.assert_close(loss / 2, expected_loss)
    for level in ('patch', 'image'):
        queue = getattr(model, f'{level}_contrast').queue
        torch.testing.assert_close(queue.keys, expected[level])
        assert int(queue.pointer) == 2
    for name, param in model.named_parameters():
        if param.requires_grad:
            torch.testing.assert_close(
                param.grad, expected[name], msg=lambda text, name=name: f'{name}: {text}'
            )


def test_two_processes_equal_one(build, teacher_file):
    """Two batches of 3 + 3 around queues of 10: same losses, gradients and queues as 6 on one."""
    model = build()
    state = copy.deepcopy(model.state_dict())
    batches = [images(batch=6) for _ in range(2)]
    hidden = model.draw_mask(batches[0]).mask
    model.mask_generator = GivenMask(hidden)
    losses = []
    for batch in batches:
        model.zero_grad()
        loss = total(model.loss([batch]))
        loss.backward()
        losses.append(loss.detach())
    expected = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
    for level in ('patch', 'image'):
        expected[level] = getattr(model, f'{level}_contrast').queue.keys
    config = config_of(teacher_file())
    run_on_two_processes(_half_of_the_batch, config, state, batches, hidden, losses, expected)
