"""Pre-trained encoders outside of a training: loaded in one call, with their preprocessing."""

from .encoder import Features, PretrainedEncoder
from .folder import encode_folder
from .load import load_encoder

__all__ = ['Features', 'PretrainedEncoder', 'encode_folder', 'load_encoder']
