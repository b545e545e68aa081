# MAE ViT-S/16, 1600 epochs (paper, Figure 5b: figure only).
_base_ = '../ablations/mae.py'

model = dict(backbone=dict(arch='deit-s'), neck=dict(embed_dim=384))
train_cfg = dict(max_epochs=1600)
