# CMAE* fine-tuned at the base rate of ConvMAE's code, 5e-4 (no number, 85.3 in Table 2 may be either).
_base_ = '../transfer/in1k-finetune_conv-vit-b.py'

optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, begin=0, end=5, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=5, eta_min_ratio=5e-4, convert_to_iter_based=True),
]
