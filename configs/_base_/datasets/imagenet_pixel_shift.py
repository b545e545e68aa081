# ImageNet-1k for CMAE: two windows of one crop, the second shifted by up to 31 px each way.
_base_ = './imagenet_one_crop.py'

train_pipeline = [
    dict(
        type='mcl_plugins.LoadRandomResizedCrop',
        scale=256,
        crop_ratio_range=(0.2, 1.0),
        interpolation='bicubic',
        flip_prob=0.5,
    ),
    dict(type='mcl_plugins.PixelShift', size=224, max_shift=31),
    dict(type='PackInputs'),
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
