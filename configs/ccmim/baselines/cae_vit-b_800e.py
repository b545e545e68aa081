# CAE ViT-B/16, 800 epochs: 83.6 after fine-tuning, 68.3 linear (paper, Table 1).
_base_ = 'cae_vit-b_300e.py'

train_cfg = dict(max_epochs=800)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], T_max=790, end=800),
]
