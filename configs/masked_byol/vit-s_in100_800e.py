# Masked BYOL ViT-S/16 on ImageNet-100, 800 epochs, LayerNorm heads and class attention:
# 91.7 after fine-tuning (paper, section 3.5; which heads is our interpretation).
# Augmentation and warm-up are not stated for this length.
_base_ = [
    '../_base_/models/masked_byol.py',
    '../_base_/datasets/imagenet100_two_views.py',
    '../_base_/schedules/masked_moco_800e.py',
    '../_base_/masked_moco_runtime.py',
]

model = dict(
    backbone=dict(arch='mocov3-small'),
    class_attention=dict(embed_dims=384),
    projector=dict(in_channels=384),
)
