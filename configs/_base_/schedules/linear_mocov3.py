# MoCo v3's linear classification: SGD, learning rate 3 for a batch size of 256 (12 for the released
# 1024), 90 epochs, a cosine by epochs without warm-up.
optim_wrapper = dict(
    type='mcl_plugins.Bf16OptimWrapper',
    optimizer=dict(type='SGD', lr=12.0, momentum=0.9, weight_decay=0.0),
    constructor='mcl_plugins.MergedOptimWrapperConstructor',
)
auto_scale_lr = dict(enable=True, base_batch_size=1024)

train_cfg = dict(by_epoch=True, max_epochs=90, val_interval=1)
val_cfg = dict()
test_cfg = dict()
param_scheduler = [dict(type='CosineAnnealingLR', begin=0, eta_min=0.0, by_epoch=True)]
