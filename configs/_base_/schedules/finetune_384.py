# A short second stage at a higher resolution. The paper only says "as BEiT, 10 % more epochs":
# learning rate, weight decay and warm-up are ours (BEiT publishes them for ImageNet-22k models
# only).
_base_ = './finetune_layer_decay.py'

optim_wrapper = dict(optimizer=dict(lr=4e-5, weight_decay=1e-8))
train_cfg = dict(max_epochs=10)
# Warm-up from 1e-6, cosine decay to 1e-6.
param_scheduler = [
    dict(type='LinearLR', start_factor=0.025, begin=0, end=1, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=1, eta_min_ratio=0.025, convert_to_iter_based=True),
]
