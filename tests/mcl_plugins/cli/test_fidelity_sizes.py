"""The fidelity tool on files of other sizes, computed by a second implementation."""

import numpy as np
import plain_mae as plain
import torch

from processes import mcl

N = 5


def random_state(shapes):
    """Normal numbers of deviation 0.2 under each name."""
    return {name: 0.2 * torch.randn(*shape).float().double() for name, shape in shapes.items()}


def block_shapes(name, names, dim, hidden):
    return {
        **{
            f'{name}.{names[norm]}.{kind}': (dim,)
            for norm in ('norm1', 'norm2')
            for kind in ('weight', 'bias')
        },
        f'{name}.attn.qkv.weight': (3 * dim, dim),
        f'{name}.attn.qkv.bias': (3 * dim,),
        f'{name}.attn.proj.weight': (dim, dim),
        f'{name}.attn.proj.bias': (dim,),
        f'{name}.{names["fc1"]}.weight': (hidden, dim),
        f'{name}.{names["fc1"]}.bias': (hidden,),
        f'{name}.{names["fc2"]}.weight': (dim, hidden),
        f'{name}.{names["fc2"]}.bias': (dim,),
    }


def encoder_shapes(prefix, names, projection, meta, norm=True):
    img, patch, dim, depth = meta[:4]
    shapes = {
        f'{prefix}cls_token': (1, 1, dim),
        f'{prefix}pos_embed': (1, (img // patch) ** 2 + 1, dim),
        f'{prefix}patch_embed.{projection}.weight': (dim, 3, patch, patch),
        f'{prefix}patch_embed.{projection}.bias': (dim,),
    }
    for index in range(depth):
        shapes.update(block_shapes(f'{prefix}{names["blocks"]}.{index}', names, dim, 4 * dim))
    if norm:
        shapes.update({f'{prefix}{names["norm"]}.{kind}': (dim,) for kind in ('weight', 'bias')})
    return shapes


def decoder_shapes(prefix, names, norm, tokens, dim, width, depth, out):
    shapes = {
        f'{prefix}mask_token': (1, 1, width),
        f'{prefix}decoder_pos_embed': (1, tokens + 1, width),
        f'{prefix}decoder_embed.weight': (width, dim),
        f'{prefix}decoder_embed.bias': (width,),
        f'{prefix}{norm}.weight': (width,),
        f'{prefix}{norm}.bias': (width,),
        f'{prefix}decoder_pred.weight': (out, width),
        f'{prefix}decoder_pred.bias': (out,),
    }
    for index in range(depth):
        shapes.update(block_shapes(f'{prefix}decoder_blocks.{index}', names, width, 4 * width))
    return shapes


def batch_norm_buffers(name, width):
    return {
        f'{name}.running_mean': torch.zeros(width),
        f'{name}.running_var': torch.ones(width),
        f'{name}.num_batches_tracked': torch.tensor(0),
    }


def write(path, method, meta, state, buffers, fixed, **content):
    """A golden file; gradients of every tensor that trains."""
    gradients = {
        f'grad/{name}': value.grad.numpy()
        for name, value in state.items()
        if value.requires_grad and not name.startswith(fixed) and not name.endswith('pos_embed')
    }
    np.savez(
        path,
        method=np.array(method),
        meta=np.array(meta),
        **{f'state/{name}': value.detach().numpy() for name, value in {**state, **buffers}.items()},
        **gradients,
        **content,
    )


def test_ccmim(tmp_path):
    meta = img, patch, dim, depth, heads, width, decoder_depth, decoder_heads = (
        24, 4, 24, 3, 4, 16, 1, 2,
    )  # fmt: skip
    tokens = (img // patch) ** 2
    state = random_state(
        {
            **encoder_shapes('', plain.TIMM, 'proj', meta),
            **decoder_shapes(
                '', plain.TIMM, 'decoder_norm', tokens, dim, width, decoder_depth, 3 * patch**2
            ),
            'projector.0.weight': (20, dim),
            'projector.1.weight': (20,),
            'projector.1.bias': (20,),
            'projector.3.weight': (12, 20),
        }
    )
    for value in state.values():
        value.requires_grad_()
    images = torch.randn(N, 3, img, img).float().double()
    noise = torch.rand(N, tokens).double()

    patches = plain.embed(state, '', 'proj', images)
    _, maps = plain.encode(state, '', plain.TIMM, patches.detach(), depth, heads)
    importance = sum(attention.mean(dim=1)[:, 0, 1:] for attention in maps).detach()
    scores = importance.softmax(dim=1) / noise.softmax(dim=1)
    hidden = plain.lowest_shown(scores, tokens - tokens * 3 // 4)

    def project(tokens):
        x = plain.linear(state, 'projector.0', tokens[:, 0])
        x = plain.batch_norm(state, 'projector.1', x, 1e-5).relu()
        return plain.batch_norm(state, 'projector.4', plain.linear(state, 'projector.3', x), 1e-5)

    seen, _ = plain.encode(state, '', plain.TIMM, plain.visible(patches, hidden), depth, heads)
    rest, _ = plain.encode(state, '', plain.TIMM, plain.visible(patches, ~hidden), depth, heads)
    pixels = plain.decode(
        state, '', plain.TIMM, 'decoder_norm', seen, hidden, decoder_depth, decoder_heads
    )
    align = plain.info_nce(project(seen), project(rest), 0.5)
    reconstruction = plain.pixel_loss(pixels, images, hidden, patch)
    (0.1 * align + reconstruction).backward()
    write(
        tmp_path / 'ccmim_b.npz',
        'ccmim',
        meta,
        state,
        {**batch_norm_buffers('projector.1', 20), **batch_norm_buffers('projector.4', 12)},
        (),
        images=images.numpy(),
        noise=noise.numpy(),
        cls_attention_sum=importance.numpy(),
        mask=hidden.float().numpy(),
        pred=pixels.detach().numpy(),
        loss_align=align.item(),
        loss_recons=reconstruction.item(),
    )
    result = mcl('fidelity', tmp_path / 'ccmim_b.npz')
    assert result.returncode == 0, result.stderr


def test_cmae(tmp_path):
    meta = img, patch, dim, depth, heads = 24, 4, 24, 3, 2
    tokens, width, hidden_width, out = (img // patch) ** 2, 16, 28, 12
    pixel_depth, feature_depth = 1, 3

    def mlp_shapes(name, inputs):
        shapes = {key: (hidden_width,) for key in ('fc0.bias', 'bn0.weight', 'bn0.bias')}
        shapes.update({'fc0.weight': (hidden_width, inputs), 'fc1.weight': (out, hidden_width)})
        return {f'{name}.{key}': shape for key, shape in shapes.items()}

    state = random_state(
        {
            **encoder_shapes('backbone.', plain.MM, 'projection', meta),
            **encoder_shapes('target_backbone.', plain.MM, 'projection', meta, norm=False),
            **decoder_shapes(
                'pixel_decoder.', plain.MM, 'ln1', tokens, dim, width, pixel_depth, 3 * patch**2
            ),
            **decoder_shapes(
                'feature_decoder.', plain.MM, 'ln1', tokens, dim, width, feature_depth, dim
            ),
            **mlp_shapes('projector', dim),
            **mlp_shapes('target_projector', dim),
            **mlp_shapes('head.predictor', out),
        }
    )
    for value in state.values():
        value.requires_grad_()
    online, target = torch.randn(2, N, 3, img, img).float().double()
    noise = torch.rand(N, tokens // 4).double()
    shown = int(tokens // 4 * (1 - 0.65))
    units = plain.lowest_shown(noise, shown).view(N, 3, 3)
    hidden = units.repeat_interleave(2, 1).repeat_interleave(2, 2).flatten(1)

    def run(name, x):
        x = plain.batch_norm(state, f'{name}.bn0', plain.linear(state, f'{name}.fc0', x), 1e-6)
        return plain.linear(state, f'{name}.fc1', x.relu())

    patches = plain.embed(state, 'backbone.', 'projection', online)
    seen, _ = plain.encode(
        state, 'backbone.', plain.MM, plain.visible(patches, hidden), depth, heads
    )
    decoded = [
        plain.decode(state, name, plain.MM, 'ln1', seen, hidden, blocks, 4)
        for name, blocks in (('pixel_decoder.', pixel_depth), ('feature_decoder.', feature_depth))
    ]
    query = run('head.predictor', run('projector', decoded[1].mean(dim=1)))
    patches = plain.embed(state, 'target_backbone.', 'projection', target)
    whole, _ = plain.encode(state, 'target_backbone.', plain.MM, patches, depth, heads, norm=False)
    contrast = plain.info_nce(query, run('target_projector', whole[:, 1:].mean(dim=1)), 0.07)
    reconstruction = plain.pixel_loss(decoded[0], online, hidden, patch)
    (contrast + reconstruction).backward()
    buffers = {}
    for name in ('projector', 'target_projector', 'head.predictor'):
        buffers.update(batch_norm_buffers(f'{name}.bn0', hidden_width))
    write(
        tmp_path / 'cmae_b.npz',
        'cmae',
        meta,
        state,
        buffers,
        ('target_',),
        images=online.numpy(),
        images_target=target.numpy(),
        noise=noise.numpy(),
        mask=hidden.float().numpy(),
        loss_ct=contrast.item(),
        loss_rc=reconstruction.item(),
    )
    result = mcl('fidelity', tmp_path / 'cmae_b.npz')
    assert result.returncode == 0, result.stderr
