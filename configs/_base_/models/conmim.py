# ConMIM on ViT-B/16 (paper section 3 and Table 10; projector and views as in the released code).
strong_view = [
    dict(
        type='mcl_plugins.ColorJitter',
        brightness=0.4,
        contrast=0.4,
        saturation=0.2,
        hue=0.1,
        prob=0.8,
    ),
    dict(type='mcl_plugins.Grayscale', prob=0.2),
    dict(type='mcl_plugins.GaussianBlur', prob=0.1, sigma=(0.1, 2.0)),
    dict(type='mcl_plugins.Solarize', prob=0.2),
]

data_preprocessor = dict(
    type='mcl_plugins.MultiViewPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    views=[[], strong_view],  # student, teacher
)

model = dict(
    type='mcl_plugins.ConMIM',
    backbone=dict(type='mcl_plugins.MaskedBEiTViT', arch='base', img_size=224, patch_size=16),
    neck=dict(
        type='NonLinearNeck',
        in_channels=768,
        hid_channels=4096,
        out_channels=256,
        num_layers=3,
        with_last_bn_affine=False,
        with_avg_pool=False,
        norm_cfg=dict(type='BN1d'),  # statistics of each process, as released
        init_cfg=dict(type='TruncNormal', layer='Linear', std=0.02, a=-0.02, b=0.02),
    ),
    head=dict(type='mcl_plugins.PatchContrastHead', temperature=0.1),
    mask_generator=dict(type='mcl_plugins.RandomMask', mask_ratio=0.75, unit=2),  # 32 px units
    momentum=dict(start=0.996, end=1.0),
)
