"""The measurements of a run on a GPU, in their order."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PHOTOMETRIC_TESTS = Path('mcl_plugins/preprocessors/test_photometric.py')  # among the tests
BATCH = 128  # images of a timed step
TINY_BATCH = 4


@dataclass(frozen=True)
class Subject:
    """A pre-training that is measured.

    Attributes:
        name: in the table.
        config: of the package, or of mmpretrain (``mmpretrain::...``).
        tiny: config of the same method that a CPU trains in seconds; '' for ``config``.
        options: of the config, by dotted name.
        tiny_options: options in place of these at the tiny size.
        recomputing: parts that have ``with_cp``, activation checkpointing.
        nearest: name of mmpretrain's nearest method; '' for none.
    """

    name: str
    config: str
    tiny: str = ''
    options: dict[str, Any] = field(default_factory=dict)
    tiny_options: dict[str, Any] = field(default_factory=dict)
    recomputing: tuple[str, ...] = ('backbone',)
    nearest: str = ''


_TINY_VIT = {
    '_delete_': True,
    'embed_dims': 48,
    'num_layers': 2,
    'num_heads': 3,
    'feedforward_channels': 96,
}
_TINY_MOCO = {
    'model.backbone.arch': _TINY_VIT,
    'model.backbone.img_size': 32,
    'model.neck.in_channels': 48,
    'model.neck.hid_channels': 64,
    'model.head.predictor.hid_channels': 64,
}

METHODS = (
    Subject('ConMIM ViT-B/16', 'conmim/vit-b.py', 'quickstart/conmim.py'),
    Subject(
        'CMAE ViT-B/16',
        'cmae/vit-b.py',
        'quickstart/cmae.py',
        recomputing=('backbone', 'pixel_decoder', 'feature_decoder'),
        nearest='MAE ViT-B/16',
    ),
    Subject(
        'ccMIM ViT-B/16',
        'ccmim/vit-b.py',
        'quickstart/ccmim.py',
        recomputing=('backbone', 'decoder'),
        nearest='MAE ViT-B/16',
    ),
    Subject(
        'Masked MoCo ViT-B/16',
        'masked_moco/vit-b.py',
        'quickstart/masked_moco.py',
        nearest='MoCo v3 ViT-B/16',
    ),
    Subject(
        'Masked BYOL ViT-B/16',
        'masked_byol/vit-b.py',
        'quickstart/masked_byol.py',
        nearest='MoCo v3 ViT-B/16',
    ),
    Subject('MimCo ViT-B/16', 'mimco/vit-b.py', 'quickstart/mimco.py'),
    Subject('MimCo Swin-T', 'mimco/swin-t.py', 'quickstart/mimco.py', nearest='SimMIM Swin-T'),
    Subject('MoBY Swin-T', 'moby/swin-t.py', 'quickstart/mimco_teacher.py'),
    Subject(
        'MoCo v3 ViT-B/16',
        'mocov3/vit-b.py',
        tiny_options=_TINY_MOCO,
        nearest='MoCo v3 ViT-B/16',
    ),
)

# mmpretrain's own, with its optimizer, under the same autocast.
PEERS = (
    Subject(
        'MAE ViT-B/16',
        'mmpretrain::mae/mae_vit-base-p16_8xb512-amp-coslr-300e_in1k.py',
        options={'model.backbone.img_size': 224},
        tiny_options={
            'model.backbone.arch': _TINY_VIT,
            'model.backbone.img_size': 32,
            'model.neck.num_patches': 4,
            'model.neck.embed_dim': 48,
            'model.neck.decoder_embed_dim': 32,
            'model.neck.decoder_depth': 1,
            'model.neck.decoder_num_heads': 2,
        },
    ),
    Subject(
        'SimMIM Swin-T',
        'mmpretrain::simmim/simmim_swin-base-w6_8xb256-amp-coslr-100e_in1k-192px.py',
        options={
            'model.backbone.arch': 'tiny',
            'model.backbone.img_size': 224,
            'model.backbone.stage_cfgs.block_cfgs.window_size': 7,
            'model.neck.in_channels': 768,
        },
        tiny_options={
            'model.backbone.arch': {
                '_delete_': True,
                'embed_dims': 12,
                'depths': [1, 1, 1, 1],
                'num_heads': [1, 1, 2, 4],
            },
            'model.backbone.img_size': 64,
            'model.backbone.stage_cfgs.block_cfgs.window_size': 2,
            'model.neck.in_channels': 96,
        },
    ),
    Subject(
        'MoCo v3 ViT-B/16',
        'mmpretrain::mocov3/mocov3_vit-base-p16_16xb256-amp-coslr-300e_in1k.py',
        tiny_options=_TINY_MOCO,
    ),
)

VARIANTS = ('eager', 'checkpointed', 'compiled')


@dataclass(frozen=True)
class Measurement:
    """One measurement, which is run in a process that may be stopped.

    Attributes:
        name: in the record.
        kind: which function of :mod:`.kinds` measures it.
        arguments: of this function.
        seconds: after which it is given up.
    """

    name: str
    kind: str
    arguments: dict[str, Any]
    seconds: float = 60.0


def plan(tests: Path, batch: int | None = None, tiny: bool = False) -> list[Measurement]:
    """Return all measurements: those first that the others are worth nothing without.

    Args:
        tests: folder of the package's tests, with the golden files.
        batch: images of a timed step; by default 128, and 4 at the tiny size.
        tiny: small configs of each method, which a CPU trains in seconds.
    """
    batch = batch or (TINY_BATCH if tiny else BATCH)
    return [
        *_correctness(tests, tiny),
        *_speed('ours', METHODS, 'eager', batch, tiny),
        *_speed('mmpretrain', PEERS, 'eager', batch, tiny),
        *_speed('ours', METHODS, 'checkpointed', batch, tiny),
        *_speed('ours', METHODS, 'compiled', batch, tiny),
    ]


def _correctness(tests: Path, tiny: bool) -> Iterator[Measurement]:
    for file in sorted((tests / 'golden').glob('*.npz')):
        yield Measurement(f'golden/{file.stem}', 'golden', {'file': str(file)})
    yield Measurement('tests', 'gpu_tests', {'file': str(tests / PHOTOMETRIC_TESTS)})
    for subject in METHODS:
        training = {**choose(subject, tiny), 'batch': 8 if not tiny else TINY_BATCH}
        yield Measurement(f'checks/{subject.name}', 'method_checks', training)


def _speed(
    whose: str, subjects: tuple[Subject, ...], variant: str, batch: int, tiny: bool
) -> Iterator[Measurement]:
    for subject in subjects:
        training = choose(subject, tiny)
        if variant == 'checkpointed':
            training['options'].update(
                {f'model.{part}.with_cp': True for part in subject.recomputing}
            )
        training.update(batch=batch, compiling=None)
        if variant == 'compiled':
            # A CPU would compile for minutes; there, only the graphs are made.
            training['compiling'] = {'backend': 'eager'} if tiny else {}
        seconds = 120.0 if variant == 'compiled' or tiny else 60.0
        yield Measurement(f'{whose}/{subject.name}/{variant}', 'speed', training, seconds)


def choose(subject: Subject, tiny: bool) -> dict[str, Any]:
    """Return the config of a subject and its options at the size that is asked for."""
    options = {**subject.options, **(subject.tiny_options if tiny else {})}
    config = subject.tiny if tiny and subject.tiny else subject.config
    return {'config': config, 'options': copy.deepcopy(options)}
