"""Norms, attention, position tables and initialisation that several encoders and heads share."""

from .layer_norm import LayerNorm
from .sync_norm import SyncBN
from .xavier_conv import XavierConv2d

__all__ = ['LayerNorm', 'SyncBN', 'XavierConv2d']
