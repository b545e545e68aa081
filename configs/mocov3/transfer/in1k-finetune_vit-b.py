# MoCo v3 ViT-B/16 on ImageNet, 150 epochs: 83.2 (released README: DeiT's defaults), 83.0
# (mmpretrain). Give the pre-training checkpoint with
# --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/vit_finetune.py',
    '../../_base_/datasets/imagenet_finetune.py',
    '../../_base_/schedules/finetune_deit.py',
    '../../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(out_type='cls_token', final_norm=True), head=dict(init_cfg=dict(std=0.02))
)
# Each image is used three times per epoch, on three processes with different augmentations. The
# number of images per process and epoch stays the same.
train_dataloader = dict(
    batch_size=64, sampler=dict(_delete_=True, type='RepeatAugSampler', num_repeats=3)
)
train_cfg = dict(max_epochs=150)
