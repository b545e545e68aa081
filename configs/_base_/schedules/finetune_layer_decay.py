# AdamW with layer-wise learning rate decay, 4e-3 for a batch size of 1024; the learning rate is
# scaled for other batch sizes.
optim_wrapper = dict(
    type='mcl_plugins.Bf16OptimWrapper',
    optimizer=dict(type='AdamW', lr=4e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05),
    constructor='LearningRateDecayOptimWrapperConstructor',
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
auto_scale_lr = dict(enable=True, base_batch_size=1024)

train_cfg = dict(by_epoch=True, max_epochs=100, val_interval=1)
val_cfg = dict()
test_cfg = dict()
# Warm-up from 1e-6, cosine decay to 1e-6. eta_min_ratio keeps the ratios between the layers'
# learning rates; eta_min would be the same floor for all.
param_scheduler = [
    dict(type='LinearLR', start_factor=2.5e-4, begin=0, end=20, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=20, eta_min_ratio=2.5e-4, convert_to_iter_based=True),
]
