"""Convert released CMAE checkpoints to the names of this package, and back.

    mcl convert cmae released.pth cmae.pth
    mcl convert cmae cmae.pth released.pth --to-released

The source is a complete pre-training state, an encoder alone (its tensors get the prefix
``backbone.``) or a fine-tuned model, which becomes the checkpoint of an ``ImageClassifier``.
"""

from functools import partial

from ...checkpoint.cmae import CMAE
from ..parsers.convert import cmae as parse_args
from ._single_file import command, convert_file

convert_cmae = partial(convert_file, CMAE, 'state_dict')
main = command(convert_cmae, parse_args)
