# Table 4b, two independent crops and no colours: 83.0.
_base_ = '../vit-b_300e.py'

train_pipeline = [
    dict(
        type='mcl_plugins.LoadRandomResizedCrop',
        scale=224,
        crop_ratio_range=[(0.2, 1.0), (0.2, 1.0)],
        interpolation='bicubic',
        flip_prob=0.5,
    ),
    dict(type='PackInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
data_preprocessor = dict(views=[[], []])
