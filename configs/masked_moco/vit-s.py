# Masked MoCo ViT-S/16 with 12 heads, 800 epochs; the paper has no number.
_base_ = 'vit-b.py'

model = dict(
    backbone=dict(arch='mocov3-small'),
    class_attention=dict(embed_dims=384),
    projector=dict(in_channels=384),
)
