# Masked BYOL ViT-S/16 with 12 heads, 300 epochs; the paper has no number.
_base_ = 'vit-b_300e.py'

model = dict(
    backbone=dict(arch='mocov3-small'),
    class_attention=dict(embed_dims=384),
    projector=dict(in_channels=384),
)
