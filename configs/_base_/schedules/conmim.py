# AdamW, learning rate 5e-4 for a batch size of 2048 (paper Table 10); the learning rate is scaled
# for other batch sizes.
optim_wrapper = dict(
    type='mcl_plugins.Bf16OptimWrapper',
    optimizer=dict(type='AdamW', lr=5e-4, betas=(0.9, 0.98), eps=1e-8, weight_decay=0.05),
    clip_grad=dict(max_norm=3.0),
    constructor='mcl_plugins.MergedOptimWrapperConstructor',
    # 1-D parameters and the class token have no weight decay; mask token and bias table have it.
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        flat_decay_mult=0.0,
        custom_keys=dict(cls_token=dict(decay_mult=0.0)),
    ),
)
auto_scale_lr = dict(enable=True, base_batch_size=2048)

train_cfg = dict(by_epoch=True, max_epochs=800)
# Both are updated every iteration; the cosine ends with the training.
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, begin=0, end=10, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=10, eta_min_ratio=0.02, convert_to_iter_based=True),
]
