"""Between encoder and head: decoders, class attention, and heads that mmpretrain does not have."""

from .class_attention_blocks import ClassAttentionBlocks
from .extrema import ExtreMANeck
from .masked_decoder import MaskedDecoder

__all__ = ['ClassAttentionBlocks', 'ExtreMANeck', 'MaskedDecoder']
