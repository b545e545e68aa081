# The same for 800 epochs, 40 of them warm-up (paper, Table 8).
_base_ = './masked_moco.py'

train_cfg = dict(max_epochs=800)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, begin=0, end=40, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=40, eta_min=0.0, convert_to_iter_based=True),
]
