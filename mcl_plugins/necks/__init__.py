"""Between encoder and head: decoders. Projectors and predictors are mmpretrain's."""

from .masked_decoder import MaskedDecoder

__all__ = ['MaskedDecoder']
