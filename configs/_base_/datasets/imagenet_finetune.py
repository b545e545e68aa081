# ImageNet-1k with RandAugment and random erasing at 224 px: mmpretrain's, folders checked first.
_base_ = 'mmpretrain::_base_/datasets/imagenet_bs64_swin_224.py'

train_pipeline = [
    dict(type='mcl_plugins.LoadRandomResizedCrop', scale=224, interpolation='bicubic'),
    *_base_.train_pipeline[2:],
]
test_pipeline = [
    dict(type='mcl_plugins.LoadImageFromFile'),  # names a file that it cannot read
    *_base_.test_pipeline[1:],
]
train_dataloader = dict(
    batch_size=128,
    num_workers=8,
    drop_last=True,
    dataset=dict(type='mcl_plugins.ImageNet', pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=128, num_workers=8, dataset=dict(type='mcl_plugins.ImageNet', pipeline=test_pipeline)
)
test_dataloader = dict(
    batch_size=128, num_workers=8, dataset=dict(type='mcl_plugins.ImageNet', pipeline=test_pipeline)
)
custom_hooks = [dict(type='mcl_plugins.ClassCountHook')]
