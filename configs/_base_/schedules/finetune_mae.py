# MAE's fine-tuning of ViT-B: learning rate 2e-3 for a batch size of 1024, 5 epochs of warm-up, down
# to 1e-6.
_base_ = './finetune_layer_decay.py'

optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, begin=0, end=5, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=5, eta_min_ratio=5e-4, convert_to_iter_based=True),
]
