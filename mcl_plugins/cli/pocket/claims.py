"""The papers' ablations in pocket form: one change of a row, and what the paper says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

STRONG = [
    dict(
        type='mcl_plugins.ColorJitter',
        brightness=0.4,
        contrast=0.4,
        saturation=0.0,
        hue=0.0,
        prob=0.8,
    ),
    dict(type='mcl_plugins.GaussianBlur', prob=0.1, sigma=(0.1, 1.0)),
    dict(type='mcl_plugins.Solarize', prob=0.2),
]
MLP = dict(
    type='NonLinearNeck',
    in_channels=64,
    hid_channels=32,
    out_channels=64,
    with_last_bn=False,
    with_last_bias=True,
    with_avg_pool=False,
    norm_cfg=dict(type='BN1d'),
)
COSINE = dict(_delete_=True, type='mcl_plugins.CosineHead')
SAME_VIEWS: dict[str, Any] = {'data_preprocessor.views': [[], []]}


@dataclass(frozen=True)
class Claim:
    """A change of a row that a paper measures, too.

    Attributes:
        row: name of the row that is changed.
        change: name of the change.
        sign: 1 if the paper says that it is better with the change, -1 if worse; 0 if it only
            draws it, in a figure without numbers.
        paper: where it says so, and its accuracies with and without the change.
        options: of the row's pre-training config.
        base: name of another claim with which it is compared instead of the unchanged row.
        other: name of another row that is the change: it needs no run and no options of its own.
        metric: what the verdict is on: linear where the paper's accuracies are.
    """

    row: str
    change: str
    sign: int
    paper: str
    options: dict[str, Any]
    base: str = ''
    other: str = ''
    metric: str = 'finetune_200'

    @property
    def name(self) -> str:
        """Name in commands and records."""
        return f'{self.row}_{self.change}'


def mask(kind: str, ratio: float, **more: Any) -> dict[str, Any]:
    """Return the option that draws other masks."""
    settings = dict(_delete_=True, type=f'mcl_plugins.{kind}', mask_ratio=ratio, **more)
    return {'model.mask_generator': settings}


def target_mask(ratio: float) -> dict[str, Any]:
    """Return the option that masks CMAE's target view, too."""
    return {'model.target_mask_generator': dict(type='mcl_plugins.RandomMask', mask_ratio=ratio)}


def crops(scale: int, number: int = 1, shift: int | None = None, **more: Any) -> dict[str, Any]:
    """Return the option that cuts one or several crops, or one that is shifted by pixels."""
    area = (0.5, 1.0)
    steps = [
        dict(
            type='mcl_plugins.LoadRandomResizedCrop',
            scale=scale,
            crop_ratio_range=[area] * number if number > 1 else area,
        )
    ]
    if shift is not None:
        steps.append(dict(type='mcl_plugins.PixelShift', size=32, max_shift=shift, **more))
    return {'train_dataloader.dataset.pipeline': [*steps, dict(type='PackInputs')]}


def heads(norm: str) -> dict[str, Any]:
    """Return the options that give Masked MoCo's heads another norm, and no class attention."""
    norm_cfg = dict(_delete_=True, type=f'mcl_plugins.{norm}')
    return {
        'model.class_attention': None,
        'model.projector.norm_cfg': norm_cfg,
        'model.predictor.norm_cfg': norm_cfg,
    }


def chunks(number: int) -> dict[str, Any]:
    """Return the options that split views into another number of chunks."""
    more: dict[str, Any] = {'custom_hooks': []} if number == 1 else {}  # kappa needs several chunks
    return {'model.num_chunks': number, **more}


CONMIM = (
    Claim(
        'conmim',
        'no-ema',
        -1,
        'Table 6: 81.53, 83.51',
        {'model.momentum.start': 0.0, 'model.momentum.end': 0.0},
    ),
    Claim('conmim', 'views-equal', -1, 'Table 6: 83.35, 83.51', SAME_VIEWS),
    Claim(
        'conmim',
        'views-swapped',
        -1,
        'Table 6: 82.62, 83.51',
        {'data_preprocessor.views': [STRONG, []]},
    ),
    Claim('conmim', 'mask-block', -1, 'Table 7: 83.11, 83.51', mask('BlockMask', 0.5, min_area=4)),
    Claim(
        'conmim',
        'mask-unit-2',
        0,
        'Table 10: units of 16 px for ViT-S, of 32 px for ViT-B',
        {'model.mask_generator.unit': 2},
    ),
    Claim('conmim', 'tau-0.05', -1, 'Table 8: 82.55, 83.51', {'model.head.temperature': 0.05}),
    Claim('conmim', 'tau-0.2', -1, 'Table 8: 83.35, 83.51', {'model.head.temperature': 0.2}),
    Claim(
        'conmim', 'negatives-batch', -1, 'Table 5: 82.60, 83.51', {'model.head.negatives': 'batch'}
    ),
    Claim('conmim', 'unmasked', -1, 'Table 4: fails, 83.51', {'model.mask_generator': None}),
)
CCMIM = (
    Claim('ccmim', 'random', -1, 'Table 5: 82.9, 83.8', mask('RandomMask', 0.75)),
    Claim('ccmim', 'block', -1, 'Table 5: 82.8, 83.8', mask('BlockMask', 0.75, min_area=4)),
    Claim(
        'ccmim', 'no-sampling', -1, 'Table 5: 83.6, 83.8', {'model.mask_generator.sampling': False}
    ),
    Claim(
        'ccmim',
        'lambda-0',
        -1,
        'Figure 2, linear: best at 0.2',
        {'model.contrast_head.loss_weight': 0.0},
        metric='linear',
    ),
    Claim(
        'ccmim',
        'lambda-1',
        -1,
        'Figure 2, linear: below MAE beyond 0.8',
        {'model.contrast_head.loss_weight': 1.0},
        metric='linear',
    ),
    Claim(
        'ccmim',
        'alignment',
        0,
        'Figure 2, linear',
        {'model.predictor': MLP, 'model.contrast_head': dict(COSINE, loss_weight=0.2)},
        metric='linear',
    ),
)
CMAE = (
    Claim(
        'cmae', 'views-same', -1, 'Table 4b: 82.9 (MAE), 83.8', {**SAME_VIEWS, **crops(32, shift=0)}
    ),
    Claim('cmae', 'views-crops', -1, 'Table 4b: 83.0, 83.8', {**SAME_VIEWS, **crops(32, number=2)}),
    Claim('cmae', 'views-shift', -1, 'Table 4b: 83.4, 83.8', SAME_VIEWS),
    Claim('cmae', 'shift-0', 0, 'Figure 4a', crops(32, shift=0)),
    Claim('cmae', 'shift-8', 0, 'Figure 4a', crops(40, shift=8)),
    Claim(
        'cmae',
        'byol-loss',
        -1,
        'text: 83.4, 83.8',
        {'model.contrast_head': dict(COSINE, loss_weight=2.0)},
    ),
    Claim('cmae', 'feature-decoder-0', -1, 'Table 4c: 83.6, 83.8', {'model.feature_decoder': None}),
    Claim(
        'cmae',
        'feature-decoder-8',
        -1,
        'Table 4c: collapses, 83.8',
        {'model.feature_decoder.decoder_depth': 8},
    ),
    Claim('cmae', 'target-mask-50', -1, 'Table 4e: 83.3, 83.8', target_mask(0.5)),
    Claim('cmae', 'target-mask-75', -1, 'Table 4e: 83.0, 83.8', target_mask(0.75)),
    Claim(
        'cmae', 'weight-0.1', -1, 'Table 4d: 83.3, 83.8', {'model.contrast_head.loss_weight': 0.1}
    ),
    Claim('cmae', 'weight-2', -1, 'Table 4d: 83.2, 83.8', {'model.contrast_head.loss_weight': 2.0}),
)
MIMCO = (
    Claim('mimco-vit', 'teacher-alone', -1, 'Table 1: 81.4, 82.5', {}, other='mocov3'),
    Claim('mimco-swin', 'teacher-alone', -1, 'Table 1: 81.4, 81.7', {}, other='moby'),
    Claim(
        'mimco-swin',
        'patch-l1',
        -1,
        'Table 7: 81.35, 81.55',
        {
            'model.patch_contrast.head': dict(_delete_=True, type='mcl_plugins.L1Head'),
            'model.patch_contrast.queue': None,
            'model.image_contrast': None,
        },
        base='mimco-swin_patch-only',
    ),
    Claim('mimco-swin', 'patch-only', -1, 'Table 8: 81.55, 81.66', {'model.image_contrast': None}),
    Claim('mimco-swin', 'image-only', -1, 'Table 8: 81.59, 81.66', {'model.patch_contrast': None}),
    Claim('mimco-swin', 'no-mask', -1, 'Table 11: 81.23, 81.66', {'model.mask_generator': None}),
    Claim(
        'mimco-swin',
        'mask-50',
        -1,
        'Table 5: 81.56, 81.66',
        {'model.mask_generator.mask_ratio': 0.5},
    ),
    Claim(
        'mimco-swin',
        'mask-70',
        -1,
        'Table 5: 81.54, 81.66',
        {'model.mask_generator.mask_ratio': 0.7},
    ),
)
MASKED_MOCO = (
    Claim('masked_moco', 'chunks-1', -1, 'Table 1a: 88.2, 89.2', chunks(1)),
    Claim('masked_moco', 'chunks-2', -1, 'Table 1a: 89.1, 89.2', chunks(2)),
    Claim('masked_moco', 'chunks-8', 1, 'Table 1a: 89.8, 89.2', chunks(8)),
    Claim('masked_moco', 'heads-ln', -1, 'Table 3: 91.8, 91.9', {'model.class_attention': None}),
    Claim('masked_moco', 'heads-bn', -1, 'Table 3: 91.5, 91.9', heads('SyncBN')),
    Claim('masked_moco', 'two-crops', -1, 'Table 4: 79.5, 79.9', crops(32, number=2)),
    Claim(
        'masked_moco',
        'medium-shift',
        -1,
        'Table 4: 79.7, 79.9',
        crops(36, shift=4, diagonal=True),
    ),
    Claim(
        'masked_moco',
        'target-4-online-1',
        -1,
        'Table 2: 87.5, 88.2',
        {**chunks(1), 'model.target_chunks': 4},
        base='masked_moco_chunks-1',
    ),
)
MASKED_BYOL = (
    Claim(
        'masked_byol',
        'target-4',
        -1,
        'Figure 4: 8 instead of 1 costs 0.2 to 0.3',
        {'model.target_chunks': 4},
    ),
)
CLAIMS = {
    claim.name: claim for claim in (*CONMIM, *CCMIM, *CMAE, *MIMCO, *MASKED_MOCO, *MASKED_BYOL)
}
