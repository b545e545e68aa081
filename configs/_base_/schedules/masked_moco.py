# AdamW, learning rate 1.5e-4 for a batch size of 256, weight decay 0.1, 20 epochs of warm-up,
# cosine to zero (paper, Table 8). The learning rate is scaled for other batch sizes.
_base_ = './mae.py'

# 1-D parameters and the class token have no weight decay (ExtreMA's; the paper does not say).
optim_wrapper = dict(
    optimizer=dict(weight_decay=0.1),
    paramwise_cfg=dict(custom_keys=dict(cls_token=dict(decay_mult=0.0))),
)

train_cfg = dict(max_epochs=300)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, begin=0, end=20, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=20, eta_min=0.0, convert_to_iter_based=True),
]
