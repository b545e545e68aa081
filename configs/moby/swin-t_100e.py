# MoBY Swin-T, 100 epochs: 70.9 in the linear evaluation (released README).
_base_ = 'swin-t.py'

train_cfg = dict(max_epochs=100)
