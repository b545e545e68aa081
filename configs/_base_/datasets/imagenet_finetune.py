# ImageNet-1k with RandAugment and random erasing at 224 px: mmpretrain's, folders checked first.
_base_ = 'mmpretrain::_base_/datasets/imagenet_bs64_swin_224.py'

train_dataloader = dict(
    batch_size=128,
    num_workers=8,
    drop_last=True,
    dataset=dict(type='mcl_plugins.ImageNet'))
val_dataloader = dict(
    batch_size=128, num_workers=8, dataset=dict(type='mcl_plugins.ImageNet'))
test_dataloader = dict(
    batch_size=128, num_workers=8, dataset=dict(type='mcl_plugins.ImageNet'))
custom_hooks = [dict(type='mcl_plugins.ClassCountHook')]
