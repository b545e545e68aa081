# ImageNet-1k with RandAugment and random erasing at 224 px: mmpretrain's, folders checked first.
_base_ = 'mmpretrain::_base_/datasets/imagenet_bs64_swin_224.py'

load = dict(type='mcl_plugins.LoadImageFromFile')  # names a file that it cannot read
train_pipeline = [load, *_base_.train_pipeline[1:]]
test_pipeline = [load, *_base_.test_pipeline[1:]]
del load
train_dataloader = dict(
    batch_size=128,
    num_workers=8,
    drop_last=True,
    dataset=dict(type='mcl_plugins.ImageNet', pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=128,
    num_workers=8,
    dataset=dict(type='mcl_plugins.ImageNet', pipeline=test_pipeline))
test_dataloader = dict(
    batch_size=128,
    num_workers=8,
    dataset=dict(type='mcl_plugins.ImageNet', pipeline=test_pipeline))
custom_hooks = [dict(type='mcl_plugins.ClassCountHook')]
