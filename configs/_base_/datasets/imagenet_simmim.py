# ImageNet-1k with SimMIM's one light view: a crop of at least two thirds of the image, and a flip.
_base_ = './imagenet_one_crop.py'

train_pipeline = [
    dict(
        type='mcl_plugins.LoadRandomResizedCrop',
        scale=224,
        crop_ratio_range=(0.67, 1.0),
        flip_prob=0.5,
    ),
    dict(type='PackInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))

data_preprocessor = dict(
    type='mcl_plugins.MultiViewPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
)
