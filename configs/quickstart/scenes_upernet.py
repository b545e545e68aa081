# UperNet in minutes on a CPU: the ViT of scenes_cmae.py on the miniature ADE20K, from its
# checkpoint (the online encoder) or, with init_cfg=None, from random weights.
# bash tools/transfer_demo.sh runs it and evaluates the result.
_base_ = [
    '../_base_/models/upernet_vit.py',
    '../_base_/datasets/scenes_segmentation.py',
    '../_base_/schedules/upernet_vit_160k.py',
    '../_base_/segmentation_runtime.py',
]

# 12 x 12 patches of 8 px, hence maps at 2 to 16 px, half of the usual; narrow heads.
model = dict(
    data_preprocessor=dict(size=(96, 96)),
    backbone=dict(
        arch=dict(
            _delete_=True, embed_dims=96, num_layers=4, num_heads=3, feedforward_channels=384
        ),
        img_size=96,
        patch_size=8,
        out_indices=(0, 1, 2, 3),
        drop_path_rate=0.0,
    ),
    neck=dict(embed_dims=96),
    decode_head=dict(in_channels=[96, 96, 96, 96], channels=48, num_classes=6),
    auxiliary_head=dict(in_channels=96, channels=48, num_classes=6),
    test_cfg=dict(crop_size=(96, 96), stride=(64, 64)),
)

# No layer decay: it would slow down the training from random weights.
optim_wrapper = dict(optimizer=dict(lr=1e-3), paramwise_cfg=dict(layer_decay_rate=1.0))
auto_scale_lr = dict(base_batch_size=8)
train_cfg = dict(max_iters=300, val_interval=300)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-2, begin=0, end=30, by_epoch=False),
    dict(type='PolyLR', power=1.0, eta_min=0.0, begin=30, by_epoch=False),
]
default_hooks = dict(logger=dict(interval=60), checkpoint=dict(interval=300))
