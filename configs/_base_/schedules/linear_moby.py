# MoBY's linear evaluation (released moby_linear.py): SGD, learning rate 1 for a batch size of 512,
# 5 of 100 epochs of warm-up. The cosine runs over the whole training, including the warm-up.
optim_wrapper = dict(
    type='mcl_plugins.Bf16OptimWrapper',
    optimizer=dict(type='SGD', lr=1.0, momentum=0.9, nesterov=True, weight_decay=0.0),
    clip_grad=dict(max_norm=5.0),
    constructor='mcl_plugins.MergedOptimWrapperConstructor',
)
auto_scale_lr = dict(enable=True, base_batch_size=512)

train_cfg = dict(by_epoch=True, max_epochs=100, val_interval=1)
val_cfg = dict()
test_cfg = dict()
param_scheduler = [
    dict(type='LinearLR', start_factor=5e-7, begin=0, end=5, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=0, eta_min_ratio=5e-6, convert_to_iter_based=True),
]
