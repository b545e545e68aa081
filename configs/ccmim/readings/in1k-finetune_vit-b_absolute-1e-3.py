# Fine-tuning at the paper's 1e-3 as the rate for its batch of 1024 (no number: the third of three
# readings).
_base_ = '../transfer/in1k-finetune_vit-b.py'

optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, begin=0, end=5, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=5, eta_min_ratio=1e-3, convert_to_iter_based=True),
]
