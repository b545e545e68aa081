# Fine-tuning on small classes: 360 epochs, learning rate 3e-4 (ccMIM's paper; that this is for a
# batch size of 1024 and that the rest is MAE's is ours), down to 1e-6.
_base_ = './finetune_layer_decay.py'

optim_wrapper = dict(optimizer=dict(lr=3e-4))
train_cfg = dict(max_epochs=360)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, begin=0, end=5, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=5, eta_min_ratio=1 / 300, convert_to_iter_based=True),
]
