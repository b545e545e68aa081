# 160k iterations of AdamW with layer-wise learning rate decay, 1e-4 for a batch size of 16; the
# learning rate is scaled for other batch sizes. Linear warm-up over 1500 iterations from 1e-6 of
# the learning rate, then linear decay to zero.
optim_wrapper = dict(
    type='mcl_plugins.Bf16OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05),
    constructor='mcl_plugins.LayerDecayOptimWrapperConstructor',
    # 1-D parameters, class token and absolute positions have no weight decay; bias tables have it.
    paramwise_cfg=dict(
        layer_decay_rate=0.65,
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        flat_decay_mult=0.0,
        custom_keys=dict(
            cls_token=dict(decay_mult=0.0),
            pos_embed=dict(decay_mult=0.0),
            register_tokens=dict(decay_mult=0.0))),
)
auto_scale_lr = dict(enable=True, base_batch_size=16)

train_cfg = dict(type='IterBasedTrainLoop', max_iters=160000, val_interval=16000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, begin=0, end=1500, by_epoch=False),
    dict(type='PolyLR', power=1.0, eta_min=0.0, begin=1500, by_epoch=False),
]
