"""The configs of a method, and what is true of them all."""

import copy
import re
from functools import cache
from pathlib import Path

from mmengine.config import Config

ROOT = Path(__file__).parents[2]
ABSENT = 'absent'
DENSE = re.compile('(transfer|readings|baselines)/(ade20k|coco)-')  # segmentation and detection
# Folders whose configs are variants or other methods of the paper: no models of the metafile.
VARIANTS = ('ablations/', 'readings/', 'baselines/')
OTHER_FOLDERS = {'_base_', 'own', 'pocket', 'quickstart'}  # of configs/: no methods


def read(path):
    """A config file, which all tests together parse once: parsing takes a hundred times a copy."""
    return copy.deepcopy(_parse(path))


@cache
def _parse(path):
    return Config.fromfile(path)


class Zoo:
    """The configs under configs/<method>, by their names within it."""

    def __init__(self, method):
        self.method = method
        self.folder = ROOT / 'configs' / method
        self.names = sorted(
            path.relative_to(self.folder).as_posix() for path in self.folder.rglob('*.py')
        )

    @property
    def pretraining(self):
        return [
            name
            for name in self.names
            if not name.startswith(('transfer/', 'readings/', 'baselines/'))
        ]

    @property
    def dense(self):
        return [name for name in self.names if DENSE.match(name)]

    @property
    def ablations(self):
        return [name for name in self.names if name.startswith('ablations/')]

    @property
    def variants(self):
        return [name for name in self.names if name.startswith(VARIANTS)]

    @property
    def finetuning(self):
        return [name for name in self.names if name.startswith('transfer/in1k-finetune')]

    def config(self, name):
        return read(self.folder / name)

    def changes(self, name, base):
        """What config ``name`` says otherwise than ``base``: {'a.b': value or ABSENT}."""
        before, after = (flat(self.config(n).to_dict()) for n in (base, name))
        return {
            key: after.get(key, ABSENT)
            for key in before.keys() | after.keys()
            if after.get(key, ABSENT) != before.get(key, ABSENT)
        }


def flat(node, prefix=''):
    """{'a.b': value} of a nest of dicts; lists are values."""
    if not isinstance(node, dict):
        return {prefix: node}
    leaves = {}
    for key, child in node.items():
        leaves.update(flat(child, f'{prefix}.{key}' if prefix else key))
    return leaves


def above(name, depths):
    """How many blocks come after a parameter, and one more for the first layers."""
    block = re.match(r'backbone\.(?:layers|stages\.(\d+)\.blocks)\.(\d+)\.', name)
    merging = re.match(r'backbone\.stages\.(\d+)\.downsample\.', name)
    stem = ('patch_embed', 'cls_token', 'pos_embed', 'conv_stages', 'projection')
    if block:
        return sum(depths) - sum(depths[: int(block[1] or 0)]) - int(block[2])
    if merging:  # it learns with the last block of its stage
        return sum(depths) - sum(depths[: int(merging[1]) + 1]) + 1
    return sum(depths) + 1 if name.removeprefix('backbone.').startswith(stem) else 0
