# Two crops of an image, and strong colours that are not the same for both (BYOL's; MoCo v3 and MoBY
# have them with this strength). Parts for a data set: the crops are cut by the loader, the colours
# are changed on the device.
two_crops = [
    dict(type='mcl_plugins.LoadImageFromFile'),
    dict(
        type='MultiView',
        num_views=[2],
        transforms=[[
            dict(
                type='RandomResizedCrop',
                scale=224,
                crop_ratio_range=(0.08, 1.0),
                backend='pillow'),
            dict(type='RandomFlip', prob=0.5),
        ]]),
    dict(type='PackInputs'),
]

colours = [
    dict(
        type='mcl_plugins.ColorJitter',
        brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1, prob=0.8),
    dict(type='mcl_plugins.Grayscale', prob=0.2),
]
first_view = [*colours, dict(type='mcl_plugins.GaussianBlur', prob=1.0, sigma=(0.1, 2.0))]
second_view = [
    *colours,
    dict(type='mcl_plugins.GaussianBlur', prob=0.1, sigma=(0.1, 2.0)),
    dict(type='mcl_plugins.Solarize', prob=0.2),
]
del colours
