# ImageNet-1k for methods with MAE's one view: a crop of at least a fifth of the image, and a flip.
_base_ = './imagenet_one_crop.py'

train_pipeline = [
    dict(
        type='mcl_plugins.LoadRandomResizedCrop',
        scale=224,
        crop_ratio_range=(0.2, 1.0),
        interpolation='bicubic',
        flip_prob=0.5,
    ),
    dict(type='PackInputs'),
]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
