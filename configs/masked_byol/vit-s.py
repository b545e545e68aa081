# Masked BYOL ViT-S/16 with 12 heads, 800 epochs; the paper has no number.
# Train: tools/dist_train.sh configs/masked_byol/vit-s.py 32
# Cost: 54 H100 hours at 40% MFU, 10 GiB a GPU (computed, mcl bench cost).
_base_ = 'vit-b.py'

model = dict(
    backbone=dict(arch='mocov3-small'),
    class_attention=dict(embed_dims=384),
    projector=dict(in_channels=384))
