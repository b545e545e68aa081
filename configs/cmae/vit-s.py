# CMAE ViT-S/16, 1600 epochs (paper, Figure 5b, which gives no hyperparameters: those of ViT-B).
_base_ = 'vit-b.py'

model = dict(
    backbone=dict(arch='small'),
    pixel_decoder=dict(embed_dim=384),
    feature_decoder=dict(embed_dim=384, predict_feature_dim=384),
    projector=dict(in_channels=384),
)
