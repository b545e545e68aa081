# CMAE ViT-L/16, 1600 epochs (paper, Figure 5b, which gives no hyperparameters: those of ViT-B).
# Train: tools/dist_train.sh configs/cmae/vit-l.py 32
# Cost: 420 H100 hours at 40% MFU, 19 GiB a GPU (computed, mcl bench cost).
_base_ = 'vit-b.py'

model = dict(
    backbone=dict(arch='large'),
    pixel_decoder=dict(embed_dim=1024),
    feature_decoder=dict(embed_dim=1024, predict_feature_dim=1024),
    projector=dict(in_channels=1024),
)
