# Fine-tuning at the paper's 1e-3 as base rate for 256 images, layer decay 0.75, as in Table 9 of
# MAE's paper (no number: the second of three readings).
_base_ = '../transfer/in1k-finetune_vit-b.py'

optim_wrapper = dict(optimizer=dict(lr=4e-3), paramwise_cfg=dict(layer_decay_rate=0.75))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, begin=0, end=5, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=5, eta_min_ratio=2.5e-4, convert_to_iter_based=True),
]
