# DeiT-B on ImageNet from random weights, 300 epochs: 81.8 (paper, Table 1; DeiT's released recipe,
# without layer decay).
_base_ = [
    '../../_base_/models/vit_finetune.py',
    '../../_base_/datasets/imagenet_finetune.py',
    '../../_base_/schedules/finetune_deit.py',
    '../../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(type='mcl_plugins.DeiT', out_type='cls_token', final_norm=True, init_cfg=None),
    head=dict(init_cfg=dict(std=0.02)),
)
# Each image is used three times per epoch, on three processes with different augmentations. The
# number of images per process and epoch stays the same.
train_dataloader = dict(
    batch_size=64, sampler=dict(_delete_=True, type='RepeatAugSampler', num_repeats=3)
)
