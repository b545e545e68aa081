# ConMIM ViT-L/16 on ImageNet: 85.5 from 1600 epochs of pre-training, 85.2 from 800, 84.6 from 400
# (released README). Neither the paper nor the README gives the hyperparameters. We use those of
# BEiT's ViT-L (50 epochs, learning rate 1e-3, layer decay 0.75, drop path 0.2; MAE's differ in the
# learning rate, 4e-3).
_base_ = 'in1k-finetune_vit-b.py'

model = dict(
    backbone=dict(arch='large', layer_scale_init_value=1e-5, drop_path_rate=0.2),
    head=dict(in_channels=1024),
)
train_dataloader = dict(batch_size=64)
optim_wrapper = dict(optimizer=dict(lr=1e-3), paramwise_cfg=dict(layer_decay_rate=0.75))
train_cfg = dict(max_epochs=50)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=5, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=5, eta_min_ratio=1e-3, convert_to_iter_based=True),
]
