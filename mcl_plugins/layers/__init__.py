"""Norms, attention, position tables and initialisation, shared by encoders and heads."""

from .layer_norm import LayerNorm
from .sync_norm import SyncBN
from .xavier_conv import XavierConv2d

__all__ = ['LayerNorm', 'SyncBN', 'XavierConv2d']
