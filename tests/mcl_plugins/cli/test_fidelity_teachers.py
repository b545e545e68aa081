"""The fidelity tool on MimCo, MoBY and MoCo v3 files of other sizes, by a second implementation."""

from itertools import pairwise

import numpy as np
import plain_mae as plain
import plain_swin
import torch
from test_fidelity_sizes import batch_norm_buffers, encoder_shapes, random_state, write
from torch.nn import functional as F

from processes import mcl

N, TEMPERATURE, MOMENTUM = 5, 0.3, 0.9
META = img, patch, dim, depth, heads, out, hidden = 24, 4, 24, 3, 4, 12, 20


def trained(state, fixed):
    for name, value in state.items():
        value.requires_grad_(not name.startswith(fixed))
    return state


def moved(state, teacher, student):
    """The state with EMA weights after an update: those under ``teacher`` follow ``student``'s."""
    return {
        name: MOMENTUM * value + (1 - MOMENTUM) * state[student + name.removeprefix(teacher)]
        if name.startswith(teacher)
        else value
        for name, value in state.items()
    }


def images(count):
    return torch.randn(count, N, 3, img, img).float().double()


def check(file):
    result = mcl('fidelity', file)
    assert result.returncode == 0, result.stderr


def test_moby(tmp_path):
    """Three stages of unequal depth, windows of 3, and torchvision's encoder."""
    dim, depths, heads, window, length = 8, [2, 1, 2], [1, 2, 4], 3, 14
    side = 48
    encoders = {
        name: plain_swin.encoder(dim, depths, heads, window).double()
        for name in ('encoder', 'encoder_k')
    }
    shapes = {}
    for name, inputs in (('projector', 4 * dim), ('projector_k', 4 * dim), ('predictor', out)):
        shapes[f'{name}.linear_hidden.1.weight'] = (hidden, inputs)
        shapes[f'{name}.linear_hidden.1.bias'] = (hidden,)
        shapes[f'{name}.linear_hidden.2.weight'] = (hidden,)
        shapes[f'{name}.linear_hidden.2.bias'] = (hidden,)
        shapes[f'{name}.linear_out.weight'] = (out, hidden)
        shapes[f'{name}.linear_out.bias'] = (out,)
    state = trained(random_state(shapes), 'projector_k.')
    buffers = {'queue_ptr': torch.zeros(1, dtype=torch.long)}
    for name in ('projector', 'projector_k', 'predictor'):
        buffers.update(batch_norm_buffers(f'{name}.linear_hidden.2', hidden))
    for view in (1, 2):
        buffers[f'queue{view}'] = F.normalize(torch.randn(out, length).double(), dim=0)
    for name, encoder in encoders.items():
        for key, value in encoder.named_parameters():
            torch.nn.init.normal_(value, std=0.2)
            value.requires_grad_(name == 'encoder')
            state[f'{name}.{plain_swin.released_name(key)}'] = value
        for key, value in encoder.named_buffers():  # relative position indices
            buffers[f'{name}.{plain_swin.released_name(key)}'] = value.view(window**2, -1)

    stored = {name: value.detach().clone() for name, value in state.items()}
    views = torch.randn(2, N, 3, side, side).float().double()
    with torch.no_grad():  # the update comes before the keys
        for key, value in encoders['encoder_k'].named_parameters():
            value.lerp_(encoders['encoder'].get_parameter(key), 1 - MOMENTUM)
        ema = moved(state, 'projector_k.', 'projector.')
        keys = [plain_swin.mlp(ema, 'projector_k', encoders['encoder_k'](v)) for v in views]
    queries = [
        plain_swin.mlp(
            state, 'predictor', plain_swin.mlp(state, 'projector', encoders['encoder'](v))
        )
        for v in views
    ]
    loss = sum(
        plain_swin.queue_loss(queries[own], keys[other], buffers[f'queue{other + 1}'], TEMPERATURE)
        for own, other in ((0, 1), (1, 0))
    )
    loss.backward()
    for name, value in state.items():  # as they were before the step
        stored[name].grad = value.grad
        stored[name].requires_grad_(value.requires_grad)
    write(
        tmp_path / 'moby_b.npz',
        'moby',
        [side, dim, window, length],
        stored,
        buffers,
        ('encoder_k.', 'projector_k.'),
        depths=np.array(depths),
        heads=np.array(heads),
        view1=views[0].numpy(),
        view2=views[1].numpy(),
        momentum=MOMENTUM,
        temperature=TEMPERATURE,
        loss=loss.item(),
        queue1_after=F.normalize(keys[0], dim=1).T.numpy(),
        queue2_after=F.normalize(keys[1], dim=1).T.numpy(),
    )
    check(tmp_path / 'moby_b.npz')


def mlp_shapes(name, widths):
    """Tensors of linear layers without bias and their norms; the last norm has none."""
    shapes = {}
    for place, (inputs, outputs) in enumerate(pairwise(widths)):
        shapes[f'{name}.{3 * place}.weight'] = (outputs, inputs)
        if place < len(widths) - 2:
            shapes.update(
                {f'{name}.{3 * place + 1}.{kind}': (outputs,) for kind in ('weight', 'bias')}
            )
    return shapes


def mlp_buffers(name, widths, last_norm=True):
    """Running statistics of an MLP with batch norms."""
    buffers = {}
    for place, width in enumerate(widths[1:] if last_norm else widths[1:-1]):
        buffers.update(batch_norm_buffers(f'{name}.{3 * place + 1}', width))
    return buffers


def mlp(weights, name, x, layers, norm=plain.batch_norm, eps=1e-5, last_norm=True):
    """An MLP of these names on rows."""
    for place in range(layers):
        x = plain.linear(weights, f'{name}.{3 * place}', x)
        if place < layers - 1:
            x = norm(weights, f'{name}.{3 * place + 1}', x, eps).relu()
        elif last_norm:
            x = norm(weights, f'{name}.{3 * place + 1}', x, eps)
    return x


PROJECTOR, PREDICTOR = (dim, hidden, hidden, out), (out, hidden, out)


def test_mocov3(tmp_path):
    shapes = mlp_shapes('predictor', PREDICTOR)
    buffers = mlp_buffers('predictor', PREDICTOR)
    for name in ('base_encoder', 'momentum_encoder'):
        shapes.update(encoder_shapes(f'{name}.', plain.TIMM, 'proj', META))
        shapes.update(mlp_shapes(f'{name}.head', PROJECTOR))
        buffers.update(mlp_buffers(f'{name}.head', PROJECTOR))
    fixed = ('momentum_encoder.', 'base_encoder.patch_embed.')
    state = trained(random_state(shapes), fixed)

    def project(weights, name, view):
        patches = plain.embed(weights, f'{name}.', 'proj', view)
        tokens, _ = plain.encode(weights, f'{name}.', plain.TIMM, patches, depth, heads)
        return mlp(weights, f'{name}.head', tokens[:, 0], 3)

    views = images(2)
    with torch.no_grad():
        ema = moved(state, 'momentum_encoder.', 'base_encoder.')
        keys = [project(ema, 'momentum_encoder', view) for view in views]
    queries = [mlp(state, 'predictor', project(state, 'base_encoder', view), 2) for view in views]
    loss = plain.info_nce(queries[0], keys[1], TEMPERATURE)
    loss = loss + plain.info_nce(queries[1], keys[0], TEMPERATURE)
    loss.backward()
    name = 'momentum_encoder.blocks.2.mlp.fc1.weight'
    write(
        tmp_path / 'mocov3_b.npz',
        'mocov3',
        META,
        state,
        buffers,
        fixed,
        view1=views[0].numpy(),
        view2=views[1].numpy(),
        momentum=MOMENTUM,
        temperature=TEMPERATURE,
        loss=loss.item(),
        **{f'after/{name}': ema[name].numpy()},
    )
    check(tmp_path / 'mocov3_b.npz')


def test_mimco(tmp_path):
    """Convolutions of 1x1 as convolutions, and a queue shorter than two batches."""
    length, unit = 8, 2
    tokens = (img // patch) ** 2

    def head_shapes(name, inputs, spatial):
        return {
            f'{name}.0.weight': (hidden, inputs, *spatial),
            f'{name}.0.bias': (hidden,),
            f'{name}.1.weight': (hidden,),
            f'{name}.1.bias': (hidden,),
            f'{name}.3.weight': (out, hidden, *spatial),
            f'{name}.3.bias': (out,),
        }

    shapes = {'mask_token': (1, 1, dim)}
    for name in ('student.', 'teacher.'):
        shapes.update(encoder_shapes(name, plain.TIMM, 'proj', META))
    buffers = {}
    for level, spatial in (('patch', (1, 1)), ('image', ())):
        for part, inputs in (('projector', dim), ('predictor', out), ('projector_ema', dim)):
            shapes.update(head_shapes(f'{level}_{part}', inputs, spatial))
            buffers.update(batch_norm_buffers(f'{level}_{part}.1', hidden))
    fixed = ('teacher.', 'patch_projector_ema.', 'image_projector_ema.')
    state = trained(random_state(shapes), fixed)
    queues = {
        level: F.normalize(torch.randn(out, length).float().double(), dim=0)
        for level in ('patch', 'image')
    }

    def head(weights, name, x):
        """On maps (N, D, h, w) or vectors (N, D)."""
        layer = F.conv2d if x.ndim == 4 else F.linear
        over = [0, *range(2, x.ndim)]
        x = layer(x, weights[f'{name}.0.weight'], weights[f'{name}.0.bias'])
        shape = (1, -1) + (1,) * (x.ndim - 2)
        x = (x - x.mean(over, keepdim=True)) / (
            x.var(over, unbiased=False, keepdim=True) + 1e-5
        ).sqrt()
        x = x * weights[f'{name}.1.weight'].view(shape) + weights[f'{name}.1.bias'].view(shape)
        return layer(x.relu(), weights[f'{name}.3.weight'], weights[f'{name}.3.bias'])

    (batch,) = images(1)
    units = torch.stack([torch.randperm(9) for _ in range(N)]).view(N, 3, 3) < 6
    mask = units.repeat_interleave(unit, 1).repeat_interleave(unit, 2).flatten(1)

    def encode(name, hide):
        patches = plain.embed(state, f'{name}.', 'proj', batch)
        if hide:
            place = state[f'{name}.pos_embed'][:, 1:]
            patches = torch.where(mask[..., None], state['mask_token'] + place, patches)
        x, _ = plain.encode(state, f'{name}.', plain.TIMM, patches, depth, heads)
        return x[:, 1:].transpose(1, 2).unflatten(2, (img // patch, img // patch))

    student = encode('student', hide=True)
    losses, enqueued = {}, {}
    with torch.no_grad():
        teacher = encode('teacher', hide=False)
    for level, pool in (('patch', lambda z: z), ('image', lambda z: z.mean((2, 3)))):
        query = head(state, f'{level}_projector', pool(student))
        query = head(state, f'{level}_predictor', query)
        with torch.no_grad():
            weights = moved(state, f'{level}_projector_ema.', f'{level}_projector.')
            key = head(weights, f'{level}_projector_ema', pool(teacher))
        mean = key.mean((2, 3)) if level == 'patch' else key
        enqueued[level] = F.normalize(mean, dim=1)
        if level == 'patch':
            query, key = (x.flatten(2).transpose(1, 2)[mask.view(N, tokens)] for x in (query, key))
        losses[level] = plain_swin.queue_loss(query, key, queues[level], TEMPERATURE)
    sum(losses.values()).backward()
    write(
        tmp_path / 'mimco_b.npz',
        'mimco',
        [*META, length, unit],
        state,
        buffers,
        fixed,
        images=batch.numpy(),
        mask=mask.numpy(),
        momentum=MOMENTUM,
        temperature=TEMPERATURE,
        **{f'queue_{level}': queue.numpy() for level, queue in queues.items()},
        **{f'loss_{level}': loss.item() for level, loss in losses.items()},
        **{f'enqueue_{level}': keys.numpy() for level, keys in enqueued.items()},
    )
    check(tmp_path / 'mimco_b.npz')
