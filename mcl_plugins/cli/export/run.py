"""Export an encoder to another library, load it back there, and compare the features.

    mcl export work_dirs/conmim/vit-b/epoch_800.pth --to timm
    mcl export moco.pth --to huggingface --arch mocov3-small --img-size 384 --out moco_hf

The folder has the encoder, its preprocessing and a model card in the form of that library, and the
same description for all of them in encoder.json. It is loaded with the library, and the features of
random images and of scikit-image's photographs are compared: the largest difference is printed,
relative to the largest feature, and above 1e-4 nothing is left behind and the exit status is 1. The
libraries are those of the extra: pip install 'mcl_plugins[export]'.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from mmengine.logging import MMLogger

from ...encoders import PretrainedEncoder, load_encoder
from ..parsers.export import run as parse_args
from .card import write_card
from .compare import LIMIT, differences
from .target import check_family, check_libraries, summary
from .targets import TARGETS


def main(argv: Sequence[str] | None = None) -> None:
    """Export the encoder of the command line, and print where it is and how it differs."""
    args = parse_args(argv)
    MMLogger.get_instance('mcl export', log_level=logging.WARNING)
    export(**vars(args))


def export(
    checkpoint: str,
    to: str,
    out: Path | None = None,
    which: Any = None,
    arch: Any = None,
    img_size: int | None = None,
    in_chans: int | None = None,
) -> dict[str, float]:
    """Export an encoder.

    Args:
        checkpoint: as in :func:`~mcl_plugins.encoders.load_encoder`.
        to: a name in ``TARGETS``.
        out: the folder; by default ``<checkpoint>_<to>`` beside the checkpoint.
        which: as in ``load_encoder``.
        arch: as there.
        img_size: as there.
        in_chans: as there.

    Returns:
        The largest relative difference of the features, by the kind of images.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        FileExistsError: the folder exists.
        ValueError: the library has no such encoder, or its features differ or are not finite.
    """
    place = out or default_folder(checkpoint, to)
    if place.exists():
        raise FileExistsError(f'{place} exists already: remove it, or choose another --out.')
    check_libraries(TARGETS[to])
    encoder = load_encoder(checkpoint, arch, which, img_size, in_chans)
    print(f'{checkpoint}: {encoder.origin["recognised"]}: {encoder.config}')
    found = write_verified(encoder, to, checkpoint, place)
    for kind, value in found.items():
        print(f'largest relative difference of the features on {kind}: {value:.3g}')
    print(f'{place}: the encoder for {TARGETS[to].title}; README.md says how to load it')
    return found


def default_folder(checkpoint: str, to: str) -> Path:
    """Return the folder beside a checkpoint that an export is written to.

    Example:
        >>> default_folder('work_dirs/epoch_8.pth', 'timm').as_posix()
        'work_dirs/epoch_8_timm'
    """
    path = Path(checkpoint.rpartition('/')[2]) if '://' in checkpoint else Path(checkpoint)
    return path.with_name(f'{path.stem}_{to}')


def write_verified(
    encoder: PretrainedEncoder, to: str, checkpoint: str, place: Path
) -> dict[str, float]:
    """Write a folder under another name, compare, and rename it only if the features are equal.

    Args:
        encoder: the encoder.
        to: a name in ``TARGETS``.
        checkpoint: where the encoder is from, for the model card.
        place: the folder.

    Returns:
        The largest relative differences.

    Raises:
        ValueError: the library has no such encoder, or its features differ or are not finite.
    """
    target = TARGETS[to]
    check_family(target, encoder.config)
    folder = place.with_name(f'{place.name}.{uuid4().hex[:8]}.part')
    folder.mkdir(parents=True)
    try:
        target.write(encoder, folder)
        found = differences(encoder, target.read(encoder, folder))
        for kind, value in found.items():
            if not value <= LIMIT:  # also if it is no number
                raise ValueError(
                    f'the features of the encoder in {target.title} differ by {value:.3g} of the '
                    f'largest for {kind}, more than {LIMIT:g}; nothing was exported. Try another '
                    f'version of {target.distribution}, or another --to.'
                )
        description = json.dumps(summary(encoder), indent=2)
        (folder / 'encoder.json').write_text(f'{description}\n', encoding='utf-8')
        write_card(target, encoder, checkpoint, found, folder, place)
        folder.rename(place)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return found
