# Two windows along the diagonal of one crop, 0 to 32 px apart (Masked MoCo's medium augmentation).
# A part of a data set's config.
diagonal_windows = [
    dict(
        type='mcl_plugins.LoadRandomResizedCrop',
        scale=256,
        crop_ratio_range=(0.2, 1.0),
        flip_prob=0.5,
    ),
    dict(type='mcl_plugins.PixelShift', size=224, max_shift=32, diagonal=True),
    dict(type='PackInputs'),
]
