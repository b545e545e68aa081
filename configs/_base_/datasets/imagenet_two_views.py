# ImageNet-1k for the contrastive teachers: two crops of an image, then, on the device, strong
# colours that are not the same for both (BYOL's; MoCo v3's and MoBY's with this strength).
_base_ = './imagenet_one_crop.py'

train_pipeline = [
    dict(type='LoadImageFromFile'),
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
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

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

data_preprocessor = dict(
    type='mcl_plugins.MultiViewPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    views=[first_view, second_view],
)
