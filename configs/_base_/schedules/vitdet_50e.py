# AdamW, 50 epochs, learning rate 1.6e-4 for a batch size of 64, weight decay 0.1, layer decay 0.7,
# a warm-up of 0.25 epochs, then steps (Masked MoCo, Table 9). The steps are ViTDet's, after 8/9 and
# 0.963 of the training, rounded down to epochs; the start of the warm-up and the parameters without
# weight decay are detectron2's. The learning rate is scaled for other batch sizes.
optim_wrapper = dict(
    type='mcl_plugins.Bf16OptimWrapper',
    optimizer=dict(type='AdamW', lr=1.6e-4, betas=(0.9, 0.999), weight_decay=0.1),
    constructor='mcl_plugins.LayerDecayOptimWrapperConstructor',
    # The norms of the encoder and its positions have no weight decay; those over the channels in
    # neck and heads have it.
    paramwise_cfg=dict(
        layer_decay_rate=0.7,
        norm_decay_mult=0.0,
        custom_keys=dict(
            pos_embed=dict(decay_mult=0.0), neck=dict(decay_mult=1.0), roi_head=dict(decay_mult=1.0)
        ),
    ),
)
auto_scale_lr = dict(enable=True, base_batch_size=64)

train_cfg = dict(by_epoch=True, max_epochs=50, val_interval=5)
val_cfg = dict()
test_cfg = dict()
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=0.25, convert_to_iter_based=True),
    dict(type='MultiStepLR', by_epoch=True, milestones=[44, 48], gamma=0.1),
]
