# Two crops of an image, and strong colour augmentations that differ between them (BYOL's; MoCo v3
# and MoBY use this strength). Parts of a data set's config: the loader crops, and the device
# augments the colours.
two_crops = [
    dict(
        type='mcl_plugins.LoadRandomResizedCrop',
        scale=224,
        crop_ratio_range=[(0.08, 1.0), (0.08, 1.0)],
        flip_prob=0.5,
    ),
    dict(type='PackInputs'),
]

colours = [
    dict(
        type='mcl_plugins.ColorJitter',
        brightness=0.4,
        contrast=0.4,
        saturation=0.2,
        hue=0.1,
        prob=0.8,
    ),
    dict(type='mcl_plugins.Grayscale', prob=0.2),
]
first_view = [*colours, dict(type='mcl_plugins.GaussianBlur', prob=1.0, sigma=(0.1, 2.0))]
second_view = [
    *colours,
    dict(type='mcl_plugins.GaussianBlur', prob=0.1, sigma=(0.1, 2.0)),
    dict(type='mcl_plugins.Solarize', prob=0.2),
]
del colours
