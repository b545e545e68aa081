"""torch.compile of the blocks of a model, each for itself."""

from __future__ import annotations

from typing import Any

import torch
from mmcv.cnn.bricks import DropPath
from mmengine.runner import Runner
from mmpretrain.models.backbones.beit import BEiTTransformerEncoderLayer
from mmpretrain.models.backbones.swin_transformer import SwinBlock
from mmpretrain.models.backbones.vision_transformer import TransformerEncoderLayer
from torch import nn

from ..layers.conv_blocks import ConvBlock
from ..layers.windowed_attention import MapBlock
from ..necks.class_attention_blocks import ClassAttentionBlock
from ..targets.frozen_teacher import FrozenTeacher
from .unwrap import unwrapped_model

BLOCKS = (
    BEiTTransformerEncoderLayer,
    ClassAttentionBlock,
    ConvBlock,
    MapBlock,
    SwinBlock,
    TransformerEncoderLayer,
)


class CompilingRunner(Runner):
    """MMEngine's Runner, for which ``compile=True`` compiles blocks instead of the whole step.

    A step has parts that run on the host, such as the draws of masks and the update of the EMA, at
    which a graph of the whole would break. The blocks have nearly all of the work, and as each kind
    of block is compiled once, also a deep model starts soon. ``compile=dict(mode=...)`` passes
    arguments of ``torch.compile``. A model without blocks, such as a ResNet, is compiled as a
    whole, as in MMEngine.
    """

    def _maybe_compile(self, target: str) -> None:
        options = self.cfg.get('compile')
        if not options:
            return
        blocks = compile_blocks(
            unwrapped_model(self), **(options if isinstance(options, dict) else {})
        )
        if not blocks:
            super()._maybe_compile(target)
            return
        self.logger.info(f'{blocks} blocks are compiled; the first two iterations take longer.')


def compile_blocks(model: nn.Module, **options: Any) -> int:
    """Compile each block of a model in place; names and weights stay what they are.

    Blocks that differ in a number, such as the rate of drop path, are compiled one by one, so
    PyTorch's limit of such variants is raised to the number of blocks.

    Args:
        model: any model.
        **options: arguments of ``torch.compile``; shapes are static unless ``dynamic`` is given.

    Returns:
        The number of blocks.

    Example:
        >>> compile_blocks(nn.Linear(2, 2))
        0
    """
    modules = list(model.modules())
    for teacher in [module for module in modules if isinstance(module, FrozenTeacher)]:
        modules += teacher.encoder.modules()  # which is not among the model's modules
    blocks = [module for module in modules if isinstance(module, BLOCKS)]
    if blocks:
        config = torch._dynamo.config
        config.recompile_limit = max(config.recompile_limit, 2 * len(blocks))
    for module in modules:
        if isinstance(module, DropPath):
            module.drop_prob = float(module.drop_prob)  # NumPy's would break the graph
    for block in blocks:
        if block._compiled_call_impl is None:  # a Runner asks again when it validates
            block.compile(**{'dynamic': False, **options})
    return len(blocks)
