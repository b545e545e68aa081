# ConMIM ViT-S/16 on ImageNet, 200 epochs: 82.0 (paper, Tables 1 and 11). The paper sweeps the
# learning rate over 1e-3, 2e-3, 4e-3 and 5e-3; this is ViT-B's.
_base_ = 'in1k-finetune_vit-b.py'

model = dict(backbone=dict(arch='small'), head=dict(in_channels=384))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.8))
train_cfg = dict(max_epochs=200)
param_scheduler = [
    dict(type='LinearLR', start_factor=2.5e-4, begin=0, end=5, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=5, eta_min_ratio=2.5e-4, convert_to_iter_based=True),
]
