"""Convert released ccMIM checkpoints to the names of this package, and back.

    mcl convert ccmim checkpoint-799.pth ccmim.pth
    mcl convert ccmim ccmim.pth checkpoint-799.pth --to-released

The names are MAE's, so MAE's own checkpoints can be converted too. A fine-tuned model becomes the
checkpoint of an ``ImageClassifier``.
"""

from functools import partial

from ...checkpoint.ccmim import CCMIM
from ..parsers.convert import ccmim as parse_args
from ._single_file import command, convert_file

convert_ccmim = partial(convert_file, CCMIM, 'model')
main = command(convert_ccmim, parse_args)
