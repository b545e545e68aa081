"""A small network with an EMA, BatchNorm and a queue, which a black image breaks in one place."""

from typing import ClassVar

import torch
from mmengine.model import BaseModel
from mmpretrain.registry import DATASETS, MODELS
from mmpretrain.structures import DataSample
from torch import nn

from mcl_plugins.targets import EMA, following
from mcl_plugins.targets.feature_queue import FeatureQueue

BLACK = 11  # the image that breaks the step: with a batch of 2 it is in the sixth


class Block(nn.Module):
    """A residual linear layer; a broken one divides by the norm of its input."""

    def __init__(self, fault='none'):
        super().__init__()
        self.fault = fault
        self.norm = nn.Identity()
        self.linear = nn.Linear(4, 4, bias=False)
        self.drop = nn.Identity()

    def forward(self, x):
        if self.fault == 'block':
            x = x / x.norm(dim=1, keepdim=True)
        y = self.linear(self.norm(x))
        if self.fault == 'between':
            y = y / x.abs().sum(dim=1, keepdim=True)
        if self.fault == 'gradient':  # the root of zero is finite, its slope is not
            y = y * y.square().sum(dim=1, keepdim=True).sqrt()
        return x + self.drop(y)


class Head(nn.Module):
    """A mean, whose logarithm a black image makes infinite."""

    def __init__(self, fault='none'):
        super().__init__()
        self.fault = fault

    def forward(self, x):
        losses = {'loss_mean': x.square().mean()}
        if self.fault == 'loss':  # without a gradient
            losses['loss_log'] = x.detach().abs().mean(dim=1).log().mean()
        return losses


@MODELS.register_module(force=True)
class Faulty(BaseModel):
    """Linear blocks on the mean colours of quarters of an image."""

    def __init__(self, fault='none', data_preprocessor=None):
        super().__init__(data_preprocessor)
        self.fault = fault
        self.stem = nn.Conv2d(3, 4, 4, stride=4, bias=False)
        self.encoder = nn.Module()
        self.encoder.blocks = nn.ModuleList([Block(), Block(fault)])
        self.norm = nn.BatchNorm1d(4, affine=False)
        self.head = Head(fault)
        self.queue = FeatureQueue(4, 16)
        self.scale = nn.Parameter(torch.ones(1))
        self.ema = EMA(dict(start=0.9, end=0.9), encoder=self.encoder)
        self.register_buffer('placeholder', torch.full((2,), torch.nan))  # on purpose
        self.register_buffer('seen', torch.zeros(1))

    def init_weights(self):
        generator = torch.Generator().manual_seed(3)
        for weight in (self.stem.weight, *self.encoder.parameters()):
            nn.init.normal_(weight, std=0.5, generator=generator)
        self.ema.init_weights()

    def forward(self, inputs, data_samples=None, mode='tensor'):
        if self.training and torch.is_grad_enabled():
            following.expect_step(self.ema)
        images = torch.stack(list(inputs)) if isinstance(inputs, (list, tuple)) else inputs
        x = self.stem(images.float() / 255).mean(dim=(2, 3))
        if self.fault == 'buffer':
            self.seen.copy_((1 / x.detach().abs().amin()).reshape(1))
        x = self.encode(x)
        with torch.no_grad():
            self.norm(x)
            self.queue.enqueue(x)
        return {key: value * self.scale.sum() for key, value in self.head(x).items()}

    def encode(self, x):
        """Only a method of the encoder's parts is called, as methods call ``backbone.encode``."""
        for index, block in enumerate(self.encoder.blocks):
            x = block(x)
            if self.fault == 'method' and index == 0:
                x = x / x.abs().sum(dim=1, keepdim=True)
        return x


@DATASETS.register_module(force=True)
class Squares(torch.utils.data.Dataset):
    """Random images, each the same whenever it is read; one of them is black."""

    metainfo: ClassVar[dict] = {}

    def __init__(self, indices):
        self.indices = list(indices)

    def __len__(self):
        return len(self.indices)

    def __getitem__(self, place):
        index = self.indices[place]
        generator = torch.Generator().manual_seed(index)
        image = torch.randint(1, 256, (3, 8, 8), generator=generator, dtype=torch.uint8)
        if index == BLACK:
            image.zero_()
        sample = DataSample(metainfo=dict(img_path=f'images/{index}.jpg'))
        return dict(inputs=image, data_samples=sample)
