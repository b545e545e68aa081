# CMAE ViT-S/16 on ImageNet from 300 epochs of pre-training (in no table of the paper): at the base
# learning rate 5e-4, which the paper states for ViT-B after 300 epochs.
_base_ = 'in1k-finetune_vit-s.py'

optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, begin=0, end=5, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=5, eta_min_ratio=5e-4, convert_to_iter_based=True),
]
