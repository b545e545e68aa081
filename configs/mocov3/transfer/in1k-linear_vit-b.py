# MoCo v3 ViT-B/16 on ImageNet, linear classification of the class token, 90 epochs, batch 1024:
# 76.7 (released README), 76.9 (mmpretrain, whose recipe is the released one too). Give the
# pre-training checkpoint with --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/vit_linear.py',
    '../../_base_/datasets/imagenet_linear_bilinear.py',
    '../../_base_/schedules/linear_mocov3.py',
    '../../_base_/default_runtime.py',
]

model = dict(
    neck=None, head=dict(init_cfg=dict(_delete_=True, type='Normal', layer='Linear', std=0.01))
)
