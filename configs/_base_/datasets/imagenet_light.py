# ImageNet-1k for Masked MoCo's light augmentation (ExtreMA's): one crop and flip for both views,
# colours drawn twice.
_base_ = './imagenet_one_crop.py'

train_pipeline = [
    dict(
        type='mcl_plugins.LoadRandomResizedCrop',
        scale=224,
        crop_ratio_range=(0.2, 1.0),
        flip_prob=0.5,
    ),
    dict(type='PackInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

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
data_preprocessor = dict(
    type='mcl_plugins.MultiViewPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    views=[colours, colours],
)
del colours
