# MAE ViT-B/16, 800 epochs (paper, Figure 2: figure only).
_base_ = '../ablations/mae.py'

train_cfg = dict(max_epochs=800)
