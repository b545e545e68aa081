# ccMIM ViT-S/16, 300 epochs: 44.3 box AP on COCO (paper, Table 2, which gives no recipe: ViT-B's).
# Train: tools/dist_train.sh configs/ccmim/vit-s.py 32
# Cost: 15 H100 hours at 40% MFU, 2 GiB a GPU (computed, mcl bench cost).
_base_ = 'vit-b.py'

model = dict(
    backbone=dict(arch='small'),
    decoder=dict(embed_dim=384),
    projector=dict(in_channels=384, hid_channels=384),
)
train_cfg = dict(max_epochs=300)
