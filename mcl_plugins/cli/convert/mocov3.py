"""Convert released MoCo v3 checkpoints of ViTs to the names of this package, and back.

    mcl convert mocov3 vit-s-300ep.pth.tar mocov3.pth
    mcl convert mocov3 mocov3.pth released.pth.tar --to-released

MimCo's teacher loads the base encoder, ``backbone.``, from the file. MoCo v3's ViT-S has 12
attention heads, which the shapes of the tensors do not show. So the file names its architecture
(``arch='mocov3-small'``), and loading it into an encoder with 6 heads is refused.
"""

from __future__ import annotations

from functools import partial

from torch import Tensor

from ...checkpoint.mocov3 import MOCOV3
from ..parsers.convert import mocov3 as parse_args
from ._single_file import command, convert_file

ARCHS = {(384, 12): 'mocov3-small', (768, 12): 'base'}  # of the released ViTs, by width and depth


def _name_arch(tensors: dict[str, Tensor]) -> dict[str, str]:
    """Return a checkpoint's ``meta`` with the part of a config that names the architecture."""
    depth = sum(
        name.startswith('backbone.') and name.endswith('.attn.qkv.weight') for name in tensors
    )
    arch = ARCHS.get((tensors['backbone.cls_token'].shape[-1], depth))
    return {'cfg': f'model = dict(backbone=dict(arch={arch!r}))'} if arch else {}


convert_mocov3 = partial(convert_file, MOCOV3, 'state_dict', describe=_name_arch)
main = command(convert_mocov3, parse_args)
