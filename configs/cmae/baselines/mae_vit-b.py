# MAE ViT-B/16, 1600 epochs: 83.6 after fine-tuning (paper, Table 1).
_base_ = '../ablations/mae.py'

train_cfg = dict(max_epochs=1600)
