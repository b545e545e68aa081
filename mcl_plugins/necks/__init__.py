"""Parts between encoder and head: decoders, class attention, projectors and pyramids."""

from .class_attention_blocks import ClassAttentionBlocks
from .extrema import ExtreMANeck
from .masked_decoder import MaskedDecoder
from .vit_pyramid import ViTPyramid

__all__ = ['ClassAttentionBlocks', 'ExtreMANeck', 'MaskedDecoder', 'ViTPyramid']
