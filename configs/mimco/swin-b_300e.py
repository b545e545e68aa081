# MimCo Swin-B, 300 epochs: 84.3 after fine-tuning (paper, Table 1).
_base_ = 'swin-b.py'

train_cfg = dict(max_epochs=300)
