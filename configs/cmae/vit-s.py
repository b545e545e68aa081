# CMAE ViT-S/16, 1600 epochs (paper, Figure 5b, which gives no hyperparameters: those of ViT-B).
# Train: tools/dist_train.sh configs/cmae/vit-s.py 32
# Cost: 86 H100 hours at 40% MFU, 7 GiB a GPU (computed, mcl bench cost).
_base_ = 'vit-b.py'

model = dict(
    backbone=dict(arch='small'),
    pixel_decoder=dict(embed_dim=384),
    feature_decoder=dict(embed_dim=384, predict_feature_dim=384),
    projector=dict(in_channels=384),
)
