# The same with torchvision's bilinear crops, as MoCo v3 and MoBY have it.
_base_ = './imagenet_linear.py'

train_pipeline = [
    dict(type='mcl_plugins.LoadRandomResizedCrop', scale=224, flip_prob=0.5),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='mcl_plugins.LoadImageFromFile'),
    dict(type='ResizeEdge', scale=256, edge='short', backend='pillow'),
    dict(type='CenterCrop', crop_size=224),
    dict(type='PackInputs'),
]

train_dataloader = dict(batch_size=128, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=128, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
