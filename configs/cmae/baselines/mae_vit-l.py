# MAE ViT-L/16, 1600 epochs (paper, Figure 5b: figure only).
_base_ = '../ablations/mae.py'

model = dict(backbone=dict(arch='l'), neck=dict(embed_dim=1024))
train_cfg = dict(max_epochs=1600)
