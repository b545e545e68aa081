"""MoBY on Swin in plain steps: torchvision's encoder under the released names."""

import torch
from torch.nn import functional as F
from torchvision.models import SwinTransformer


def encoder(dim, depths, heads, window):
    """torchvision's Swin without classifier."""
    model = SwinTransformer(
        patch_size=[4, 4],
        embed_dim=dim,
        depths=depths,
        num_heads=heads,
        window_size=[window, window],
        stochastic_depth_prob=0.0,
        num_classes=1,
    )
    model.head = torch.nn.Identity()
    return model


def released_name(name):
    """``layers.1.blocks.0.mlp.fc1.weight`` of torchvision's ``features.3.0.mlp.0.weight``."""
    parts = name.split('.')
    if parts[0] == 'norm':
        return name
    stage, rest = int(parts[1]), parts[2:]
    if stage == 0:
        return '.'.join(['patch_embed', {'0': 'proj', '2': 'norm'}[rest[0]], *rest[1:]])
    if stage % 2 == 0:
        return '.'.join([f'layers.{stage // 2 - 1}.downsample', *rest])
    if rest[1] == 'mlp':
        rest[2] = {'0': 'fc1', '3': 'fc2'}[rest[2]]
    return '.'.join([f'layers.{stage // 2}.blocks', *rest])


def mlp(state, name, x):
    """Linear, batch norm, ReLU, linear."""
    x = F.linear(x, state[f'{name}.linear_hidden.1.weight'], state[f'{name}.linear_hidden.1.bias'])
    x = (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt()
    x = x * state[f'{name}.linear_hidden.2.weight'] + state[f'{name}.linear_hidden.2.bias']
    return F.linear(x.relu(), state[f'{name}.linear_out.weight'], state[f'{name}.linear_out.bias'])


def queue_loss(query, key, queue, temperature):
    """InfoNCE of each query (N, C) against its key and a queue (C, K)."""
    query, key = (F.normalize(x, dim=1) for x in (query, key))
    scores = torch.cat(((query * key).sum(1, keepdim=True), query @ queue), dim=1) / temperature
    return (scores.logsumexp(dim=1) - scores[:, 0]).mean()
