"""Encoders for torchvision: arguments of its class, and a state dict."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn

from ...checkpoint.files import load_file, save_file
from ...checkpoint.layouts.swin import TORCHVISION_SWIN
from ...checkpoint.layouts.vit import TORCHVISION_VIT
from ...encoders import PretrainedEncoder
from .target import Run, Target, Tokens, first_is_class, plain_vit, refuse_unless, swin


def write(encoder: PretrainedEncoder, folder: Path) -> None:
    """Write ``arguments.json`` and ``model.pth``."""
    config = encoder.config
    refuse_unless(config.in_channels == 3, 'torchvision', f'input of {config.in_channels} bands')
    refuse_unless(config.options.get('qkv_bias', True), 'torchvision', 'attention without bias')
    if config.family == 'vit':
        refuse_unless(not config.mean_norm, 'torchvision', 'norm after the mean of the patches')
        tensors = TORCHVISION_VIT.to_theirs(plain_vit(encoder, 'torchvision'))
        arguments: dict[str, Any] = dict(
            image_size=config.img_size,
            patch_size=config.patch_size,
            num_layers=config.arch['num_layers'],
            num_heads=config.arch['num_heads'],
            hidden_dim=config.arch['embed_dims'],
            mlp_dim=config.arch['feedforward_channels'],
        )
    else:
        tensors = TORCHVISION_SWIN.to_theirs(swin(encoder, 'torchvision'))
        arguments = dict(
            patch_size=[config.patch_size] * 2,
            embed_dim=config.arch['embed_dims'],
            depths=list(config.arch['depths']),
            num_heads=list(config.arch['num_heads']),
            window_size=[config.options['window_size']] * 2,
        )
    description = {
        'class': 'VisionTransformer' if config.family == 'vit' else 'SwinTransformer',
        'arguments': arguments,
        'eps': config.eps,
    }
    (folder / 'arguments.json').write_text(json.dumps(description, indent=2) + '\n')
    model = build(description)
    index = {k: v for k, v in model.state_dict().items() if k.endswith('_index')}
    model.load_state_dict({**index, **tensors})
    save_file(model.state_dict(), folder / 'model.pth')


def build(description: dict[str, Any]) -> Any:
    """Build torchvision's model without its classifier."""
    kind = getattr(torchvision.models, description['class'])
    norm = partial(nn.LayerNorm, eps=description['eps'])
    model = kind(**description['arguments'], norm_layer=norm)
    setattr(model, 'heads' if hasattr(model, 'heads') else 'head', nn.Identity())
    return model.eval()


def read(encoder: PretrainedEncoder, folder: Path) -> Run:
    """Load the files with torchvision."""
    model = build(json.loads((folder / 'arguments.json').read_text()))
    model.load_state_dict(load_file(folder / 'model.pth'))

    def run(images: torch.Tensor) -> Tokens:
        if encoder.config.family == 'swin':
            return Tokens(model.norm(model.features(images)).flatten(1, 2))
        patches = model._process_input(images)
        tokens = torch.cat((model.class_token.expand(len(images), -1, -1), patches), dim=1)
        return first_is_class(model.encoder(tokens))

    return run


TARGET = Target(
    'torchvision',
    'torchvision',
    ('vit', 'swin'),
    write,
    read,
    """import json, torch, torchvision
from functools import partial

about = json.load(open('{folder}/arguments.json'))
norm = partial(torch.nn.LayerNorm, eps=about['eps'])
model = getattr(torchvision.models, about['class'])(**about['arguments'], norm_layer=norm)
model.heads = model.head = torch.nn.Identity()
model.load_state_dict(torch.load('{folder}/model.pth', weights_only=True))""",
)
