# AdamW, learning rate 1e-3 for a batch size of 512, 5 epochs of warm-up (released
# moby_swin_tiny.yaml). The learning rate is scaled for other batch sizes.
optim_wrapper = dict(
    type='mcl_plugins.Bf16OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05),
    clip_grad=dict(max_norm=5.0),
    constructor='mcl_plugins.MergedOptimWrapperConstructor',
    # 1-D parameters have no weight decay; tables of position biases, class token and position
    # embeddings have it.
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0, flat_decay_mult=0.0),
)
auto_scale_lr = dict(enable=True, base_batch_size=512)

train_cfg = dict(by_epoch=True, max_epochs=300)
# The cosine runs over the whole training, as timm's does without a prefix: the warm-up is part of
# it and ends a little below the peak.
param_scheduler = [
    dict(type='LinearLR', start_factor=5e-4, begin=0, end=5, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=0, eta_min_ratio=5e-3, convert_to_iter_based=True),
]
