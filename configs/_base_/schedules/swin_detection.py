# AdamW, 12 epochs, learning rate 1e-4 for a batch size of 16, divided by 10 after 8 and 11 epochs
# (Swin's detection code, 1x). The learning rate is scaled for other batch sizes.
optim_wrapper = dict(
    type='mcl_plugins.Bf16OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.05),
    constructor='mcl_plugins.MergedOptimWrapperConstructor',
    # Norms and tables of relative position biases have no weight decay; biases have it.
    paramwise_cfg=dict(
        custom_keys={
            'norm': dict(decay_mult=0.0),
            'relative_position_bias_table': dict(decay_mult=0.0),
        }
    ),
)
auto_scale_lr = dict(enable=True, base_batch_size=16)

train_cfg = dict(by_epoch=True, max_epochs=12, val_interval=1)
val_cfg = dict()
test_cfg = dict()
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500),
    dict(type='MultiStepLR', by_epoch=True, milestones=[8, 11], gamma=0.1),
]
