# Swin's supervised training from random weights (mmpretrain's imagenet_bs1024_adamw_swin.py with the
# gradient clipping of its Swin configs): AdamW, 300 epochs, learning rate 1e-3 for a batch size of
# 1024, 20 epochs of warm-up from 1e-6, cosine decay to 1e-5, no layer decay.
optim_wrapper = dict(
    type='mcl_plugins.Bf16OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05),
    constructor='mcl_plugins.MergedOptimWrapperConstructor',
    # 1-D parameters and the tables of position biases have no weight decay.
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        flat_decay_mult=0.0,
        custom_keys=dict(relative_position_bias_table=dict(decay_mult=0.0)),
    ),
    clip_grad=dict(max_norm=5.0),
)
auto_scale_lr = dict(enable=True, base_batch_size=1024)

train_cfg = dict(by_epoch=True, max_epochs=300, val_interval=1)
val_cfg = dict()
test_cfg = dict()
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=20, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=20, eta_min=1e-5, convert_to_iter_based=True),
]
