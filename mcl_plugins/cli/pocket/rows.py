"""The rows of the pocket benchmark's table, and the data sets that they are measured on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ...utils.places import workspace


@dataclass(frozen=True)
class Row:
    """A pre-training, or a start without one.

    Attributes:
        name: name in commands and records.
        title: name in tables.
        family: ``configs/pocket/classify_<family>.py`` is the classifier on its encoder.
        config: name of the pre-training config, without ``.py``; None for random weights.
        teacher: the row whose encoder, trained on half of the images, is its teacher; the row
            itself then gets the other half.
    """

    name: str
    title: str
    family: str
    config: str | None = None
    teacher: str | None = None


def _pretraining(name: str, title: str, family: str, teacher: str | None = None) -> Row:
    return Row(name, title, family, name, teacher)


ROWS = {
    row.name: row
    for row in (
        Row('random-vit', 'random weights, ViT', 'vit'),
        Row('random-beit', "random weights, ConMIM's ViT", 'beit'),
        Row('random-swin', 'random weights, Swin', 'swin'),
        _pretraining('supervised', 'supervised, all labels', 'vit'),
        _pretraining('mae', 'MAE', 'vit'),
        _pretraining('simmim', 'SimMIM', 'swin'),
        _pretraining('mocov3', 'MoCo v3', 'vit'),
        _pretraining('byol', 'BYOL', 'vit'),
        _pretraining('moby', 'MoBY', 'swin'),
        _pretraining('conmim', 'ConMIM', 'beit'),
        _pretraining('ccmim', 'ccMIM', 'vit'),
        _pretraining('cmae', 'CMAE', 'vit'),
        _pretraining('mimco-vit', 'MimCo, ViT', 'vit', teacher='mocov3'),
        _pretraining('mimco-swin', 'MimCo, Swin', 'swin', teacher='moby'),
        _pretraining('masked_moco', 'Masked MoCo', 'vit'),
        _pretraining('masked_byol', 'Masked BYOL', 'vit'),
    )
}


@dataclass(frozen=True)
class Data:
    """A data set in ``data/pocket/<name>/{train,val,test}/<class>/``.

    Attributes:
        name: name in commands and records.
        title: name in tables.
        make: writes the images below a folder.
        scale: by which images and patches are larger than in the configs.
        classes: number of classes.
        unequal: whether they differ in size, so that an accuracy is the mean recall of the classes.
        rates: learning rates of rows that have another one here than in their configs.
    """

    name: str
    title: str
    make: Callable[[Path], None]
    scale: int
    classes: int
    unequal: bool = False
    rates: dict[str, float] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The folder of the images."""
        return workspace() / 'data' / 'pocket' / self.name


def _make_digits(root: Path) -> None:
    from ..data.make_hard_digits import make  # noqa: PLC0415  needs scikit-image

    make(root)


def _make_cells(root: Path) -> None:
    from .cells import make  # noqa: PLC0415

    make(root)


DATA = {
    data.name: data
    for data in (
        Data('digits', 'digits on textured ground', _make_digits, scale=1, classes=10),
        Data(
            'cells',
            'solar cells',
            _make_cells,
            scale=2,
            classes=2,
            unequal=True,
            rates={'mocov3': 2e-3, 'conmim': 1e-3, 'ccmim': 2e-3},
        ),
    )
}


@cache
def count_images(folder: Path) -> int:
    """Return the number of images in the class folders of a folder."""
    return sum(1 for path in folder.glob('*/*') if path.suffix in ('.jpg', '.png'))
