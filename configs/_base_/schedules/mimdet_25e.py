# AdamW, 25 epochs, learning rate 1e-4 for a batch size of 64, weight decay 0.1, cosine to zero
# (ConMIM, Table 13); a warm-up of 0.25 epochs from a thousandth, and the parameters without weight
# decay, are MIMDet's. No layer decay.
optim_wrapper = dict(
    type='mcl_plugins.Bf16OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1),
    constructor='mcl_plugins.MergedOptimWrapperConstructor',
    paramwise_cfg=dict(
        norm_decay_mult=0.0, custom_keys=dict(relative_position_bias_table=dict(decay_mult=0.0))
    ),
)
auto_scale_lr = dict(enable=True, base_batch_size=64)

train_cfg = dict(by_epoch=True, max_epochs=25, val_interval=5)
val_cfg = dict()
test_cfg = dict()
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=0.25, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=0.25, eta_min=0.0, convert_to_iter_based=True),
]
