# Table 3, BatchNorm heads: 91.5 after fine-tuning, 76.5 linear.
_base_ = '../vit-s_in100_200e.py'

train_cfg = dict(max_epochs=800)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, begin=0, end=40, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=40, eta_min=0.0, convert_to_iter_based=True),
]
