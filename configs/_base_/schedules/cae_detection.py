# AdamW, 12 epochs, learning rate 3e-4 for a batch size of 32 with layer decay, divided by 10 after
# 9 and 11 epochs (ccMIM's paper); weight decay and warm-up are CAE's. The learning rate is scaled
# for other batch sizes.
optim_wrapper = dict(
    type='mcl_plugins.Bf16OptimWrapper',
    optimizer=dict(type='AdamW', lr=3e-4, betas=(0.9, 0.999), weight_decay=0.05),
    constructor='mcl_plugins.LayerDecayOptimWrapperConstructor',
    # 1-D parameters, class token and positions have no weight decay.
    paramwise_cfg=dict(
        layer_decay_rate=0.75,
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        flat_decay_mult=0.0,
        custom_keys=dict(
            cls_token=dict(decay_mult=0.0),
            pos_embed=dict(decay_mult=0.0),
            register_tokens=dict(decay_mult=0.0))))
auto_scale_lr = dict(enable=True, base_batch_size=32)

train_cfg = dict(by_epoch=True, max_epochs=12, val_interval=1)
val_cfg = dict()
test_cfg = dict()
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500),
    dict(type='MultiStepLR', by_epoch=True, milestones=[9, 11], gamma=0.1),
]
