"""Convert released MoBY checkpoints to the names of this package, and back.

    mcl convert moby moby_swin_t_300ep_pretrained.pth moby.pth
    mcl convert moby moby.pth released.pth --to-released

The file contains a complete pre-training state. MimCo's teacher and fine-tuning load the online
encoder, ``backbone.``, from it. In the README of the released code the links of the Swin and the
DeiT file are exchanged; a file of the wrong architecture is refused when it is loaded.
"""

from functools import partial

from ...checkpoint.moby import MOBY
from ..parsers.convert import moby as parse_args
from ._single_file import command, convert_file

convert_moby = partial(convert_file, MOBY, 'model')
main = command(convert_moby, parse_args)
