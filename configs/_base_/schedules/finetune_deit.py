# DeiT's training (defaults of its released main.py): AdamW, learning rate 5e-4 for a batch size of
# 512, 5 epochs of warm-up from 1e-6, down to 1e-5.
optim_wrapper = dict(
    type='mcl_plugins.Bf16OptimWrapper',
    optimizer=dict(type='AdamW', lr=5e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05),
    constructor='mcl_plugins.MergedOptimWrapperConstructor',
    # 1-D parameters, class token and positions have no weight decay.
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        flat_decay_mult=0.0,
        custom_keys=dict(
            cls_token=dict(decay_mult=0.0),
            pos_embed=dict(decay_mult=0.0),
            register_tokens=dict(decay_mult=0.0))),
)
auto_scale_lr = dict(enable=True, base_batch_size=512)

train_cfg = dict(by_epoch=True, max_epochs=300, val_interval=1)
val_cfg = dict()
test_cfg = dict()
param_scheduler = [
    dict(type='LinearLR', start_factor=2e-3, begin=0, end=5, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=5, eta_min_ratio=2e-2, convert_to_iter_based=True),
]
