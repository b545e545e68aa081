"""MAE, CMAE and ccMIM in plain steps on released state dicts: a second implementation.

Tensors are looked up by their released names; nothing of the package is used.
"""

import torch
from torch.nn import functional as F

TIMM = dict(
    norm1='norm1', norm2='norm2', fc1='mlp.fc1', fc2='mlp.fc2', blocks='blocks', norm='norm'
)
MM = dict(norm1='ln1', norm2='ln2', fc1='ffn.layers.0.0', fc2='ffn.layers.1', blocks='layers')
MM['norm'] = 'ln1'


def linear(state, name, x):
    return F.linear(x, state[f'{name}.weight'], state.get(f'{name}.bias'))


def layer_norm(state, name, x):
    return F.layer_norm(x, x.shape[-1:], state[f'{name}.weight'], state[f'{name}.bias'], 1e-6)


def batch_norm(state, name, x, eps):
    x = (x - x.mean(0)) / (x.var(0, unbiased=False) + eps).sqrt()
    if f'{name}.weight' in state:
        x = x * state[f'{name}.weight'] + state[f'{name}.bias']
    return x


def block(state, name, names, x, heads):
    """A transformer block; also the attention probabilities (N, heads, T, T)."""
    width = x.shape[-1] // heads
    qkv = linear(state, f'{name}.attn.qkv', layer_norm(state, f'{name}.{names["norm1"]}', x))
    q, k, v = qkv.unflatten(-1, (3, heads, width)).permute(2, 0, 3, 1, 4)
    attention = (q @ k.transpose(-1, -2) / width**0.5).softmax(dim=-1)
    x = x + linear(state, f'{name}.attn.proj', (attention @ v).transpose(1, 2).flatten(2))
    y = layer_norm(state, f'{name}.{names["norm2"]}', x)
    y = F.gelu(linear(state, f'{name}.{names["fc1"]}', y))
    return x + linear(state, f'{name}.{names["fc2"]}', y), attention


def patchify(images, patch):
    """(N, 3, H, W) -> (N, L, patch * patch * 3), rows, columns, channels."""
    n, channels, height, width = images.shape
    grid = images.view(n, channels, height // patch, patch, width // patch, patch)
    return grid.permute(0, 2, 4, 3, 5, 1).reshape(n, -1, patch * patch * channels)


def embed(state, prefix, projection, images):
    weight = state[f'{prefix}patch_embed.{projection}.weight']
    bias = state[f'{prefix}patch_embed.{projection}.bias']
    patches = F.conv2d(images, weight, bias, stride=weight.shape[-1]).flatten(2).transpose(1, 2)
    return patches + state[f'{prefix}pos_embed'][:, 1:]


def encode(state, prefix, names, patches, depth, heads, norm=True):
    token = (state[f'{prefix}cls_token'] + state[f'{prefix}pos_embed'][:, :1]).expand(
        len(patches), -1, -1
    )
    x, maps = torch.cat((token, patches), dim=1), []
    for index in range(depth):
        x, attention = block(state, f'{prefix}{names["blocks"]}.{index}', names, x, heads)
        maps.append(attention)
    return (layer_norm(state, f'{prefix}{names["norm"]}', x) if norm else x), maps


def decode(state, prefix, names, norm, tokens, hidden, depth, heads):
    """Tokens of the class and of the visible patches in raster order -> every patch."""
    x = linear(state, f'{prefix}decoder_embed', tokens)
    patches = state[f'{prefix}mask_token'].expand(len(x), hidden.shape[1], -1).clone()
    patches[~hidden] = x[:, 1:].flatten(0, 1)
    x = torch.cat((x[:, :1], patches), dim=1) + state[f'{prefix}decoder_pos_embed']
    for index in range(depth):
        x, _ = block(state, f'{prefix}decoder_blocks.{index}', names, x, heads)
    x = layer_norm(state, f'{prefix}{norm}', x)
    return linear(state, f'{prefix}decoder_pred', x)[:, 1:]


def visible(patches, hidden):
    return patches[~hidden].view(len(patches), -1, patches.shape[-1])


def pixel_loss(pixels, images, hidden, patch):
    target = patchify(images, patch)
    target = (target - target.mean(-1, keepdim=True)) / (target.var(-1, keepdim=True) + 1e-6).sqrt()
    return ((pixels - target) ** 2).mean(-1)[hidden].mean()


def info_nce(query, key, tau):
    logits = F.normalize(query, dim=-1) @ F.normalize(key.detach(), dim=-1).T / tau
    return 2 * tau * F.cross_entropy(logits, torch.arange(len(query)))


def lowest_shown(scores, shown):
    """(N, units) -> (N, units) bool, True but for the ``shown`` lowest of each row."""
    hidden = torch.ones_like(scores, dtype=torch.bool)
    return hidden.scatter(1, scores.argsort(dim=1)[:, :shown], False)
