# Fine-tuning of the quickstart's small networks: 40 epochs of 200 images. Position tables have
# twenty times the learning rate, as in pre-training.
optim_wrapper = dict(
    type='mcl_plugins.Bf16OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05),
    constructor='mcl_plugins.MergedOptimWrapperConstructor',
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        flat_decay_mult=0.0,
        custom_keys=dict(relative_position_bias_table=dict(lr_mult=20.0)),
    ),
)
auto_scale_lr = dict(enable=True, base_batch_size=50)

train_cfg = dict(by_epoch=True, max_epochs=40, val_interval=40)
val_cfg = dict()
test_cfg = dict()
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=4, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=4, eta_min=0.0, convert_to_iter_based=True),
]
