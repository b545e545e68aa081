"""Convert released MoBY checkpoints into this package's, and back.

    python tools/convert/moby.py moby_swin_t_300ep_pretrained.pth moby.pth
    python tools/convert/moby.py moby.pth released.pth --to-released

The file is a whole pre-training state: MimCo's teacher and fine-tuning take ``backbone.``, the
online encoder, from it. The table in the README of the released code has the links of its Swin and
its DeiT file exchanged; a file of the other architecture is refused when it is loaded.
"""

from ...checkpoint.moby import MOBY
from .single_file import convert_file


def main() -> None:
    """Convert the file of the command line."""
    convert_file(MOBY, __doc__, released_key='model')
