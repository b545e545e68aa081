"""Convert released MoCo v3 checkpoints of ViTs into mmpretrain's names, and back.

    python tools/convert/mocov3.py vit-s-300ep.pth.tar mocov3.pth
    python tools/convert/mocov3.py mocov3.pth released.pth.tar --to-released

MimCo's teacher takes ``backbone.``, the base encoder, from the file. ViT-S has 12 heads there
(``arch='mocov3-small'``), which no tensor shows.
"""

from ...checkpoint.mocov3 import MOCOV3
from .single_file import convert_file


def main() -> None:
    """Convert the file of the command line."""
    convert_file(MOCOV3, __doc__, released_key='state_dict')
