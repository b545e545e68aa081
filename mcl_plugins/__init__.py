"""Masked contrastive pre-training for OpenMMLab.

Importing the package registers its parts under the scope ``mcl_plugins`` and mends a few quirks
of the libraries (see ``compat.py``).
"""

from .utils.versions import check_versions
from .version import __version__

check_versions()

from .checkpoint.files import load_file, save_file  # noqa: E402
from .checkpoint.latest import find_checkpoint  # noqa: E402
from .utils import compat  # noqa: E402

compat.import_quietly('mmpretrain.models', 'mmpretrain.datasets')
compat.mend_mmseg_inheritance()
compat.refuse_unsafe_pickles(load_file)
compat.write_checkpoints_whole(save_file)
compat.name_unreadable_images()
compat.remove_checkpoints_after_saving()
compat.find_checkpoints_that_exist(find_checkpoint)

from . import (  # noqa: E402
    algorithms,
    backbones,
    datasets,
    detection,
    engine,
    evaluation,
    heads,
    layers,
    mask_generators,
    necks,
    preprocessors,
    segmentation,
    targets,
    transforms,
)

__all__ = [
    '__version__',
    'algorithms',
    'backbones',
    'datasets',
    'detection',
    'engine',
    'evaluation',
    'heads',
    'layers',
    'mask_generators',
    'necks',
    'preprocessors',
    'segmentation',
    'targets',
    'transforms',
]
