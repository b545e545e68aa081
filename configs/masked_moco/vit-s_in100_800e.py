# Masked MoCo ViT-S/16 on ImageNet-100, 800 epochs, LayerNorm heads and class attention:
# 91.9 after fine-tuning, 78.7 linear (paper, Table 3).
# Augmentation and warm-up are not stated for this length.
_base_ = [
    '../_base_/models/masked_moco.py',
    '../_base_/datasets/imagenet100_two_views.py',
    '../_base_/schedules/masked_moco_800e.py',
    '../_base_/masked_moco_runtime.py',
]

model = dict(
    backbone=dict(arch='mocov3-small'),
    class_attention=dict(embed_dims=384),
    projector=dict(in_channels=384),
)
