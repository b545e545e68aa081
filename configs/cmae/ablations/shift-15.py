# Figure 4a, shifts of 0 to 15 px (accuracy in the figure only).
_base_ = '../vit-b_300e.py'

train_pipeline = [
    dict(
        type='mcl_plugins.LoadRandomResizedCrop',
        scale=240,
        crop_ratio_range=(0.2, 1.0),
        interpolation='bicubic',
        flip_prob=0.5,
    ),
    dict(type='mcl_plugins.PixelShift', size=224, max_shift=15),
    dict(type='PackInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
