# MAE's linear classification: LARS without weight decay, learning rate 0.1 for a batch size of 256
# (6.4 for the 16384 of the paper), 10 of 90 epochs of warm-up.
optim_wrapper = dict(
    type='mcl_plugins.Bf16OptimWrapper',
    optimizer=dict(type='LARS', lr=0.1, weight_decay=0.0, momentum=0.9),
    # The bias is excluded from the layer-wise adaptation of the learning rate. mmpretrain's LARS
    # excludes it only if this is set.
    paramwise_cfg=dict(custom_keys=dict(bias=dict(lars_exclude=True))),
)
auto_scale_lr = dict(enable=True, base_batch_size=256)

train_cfg = dict(by_epoch=True, max_epochs=90, val_interval=1)
val_cfg = dict()
test_cfg = dict()
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-4, begin=0, end=10, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=10, eta_min=0.0, convert_to_iter_based=True),
]
