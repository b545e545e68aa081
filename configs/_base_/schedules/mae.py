# AdamW, learning rate 1.5e-4 for a batch size of 256, 40 epochs of warm-up, cosine to zero: MAE's,
# which CMAE and ccMIM take over. The learning rate is scaled for other batch sizes.
optim_wrapper = dict(
    type='mcl_plugins.Bf16OptimWrapper',
    optimizer=dict(type='AdamW', lr=1.5e-4, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.05),
    constructor='mcl_plugins.MergedOptimWrapperConstructor',
    # 1-D parameters have no weight decay; class and mask token have it.
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0, flat_decay_mult=0.0),
)
auto_scale_lr = dict(enable=True, base_batch_size=256)

train_cfg = dict(by_epoch=True, max_epochs=800)
# Both are updated every iteration; the cosine ends with the training.
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, begin=0, end=40, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=40, eta_min=0.0, convert_to_iter_based=True),
]
