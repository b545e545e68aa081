# BEiT ViT-B/16, 800 epochs: 83.2 after fine-tuning (paper, Table 1).
_base_ = 'beit_vit-b_300e.py'

train_cfg = dict(max_epochs=800)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], T_max=790, end=800),
]
