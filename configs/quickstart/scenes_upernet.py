# UperNet in minutes on a CPU: the Swin of scenes_mimco.py on the miniature ADE20K, from its checkpoint
# (the student) or, with init_cfg=None, from random weights.
# bash tools/transfer_demo.sh runs it and measures what it gave.
_base_ = [
    '../_base_/models/upernet_swin.py',
    '../_base_/datasets/scenes_segmentation.py',
    '../_base_/schedules/upernet_swin_160k.py',
    '../_base_/segmentation_runtime.py',
]

# Two stages, at 4 and 8 px; narrow heads.
model = dict(
    data_preprocessor=dict(size=(96, 96)),
    backbone=dict(
        arch=dict(_delete_=True, embed_dims=48, depths=(2, 2), num_heads=(2, 4)),
        img_size=96,
        window_size=4,
        drop_path_rate=0.0,
        out_indices=(0, 1)),
    decode_head=dict(in_channels=[48, 96], in_index=[0, 1], channels=48, num_classes=6),
    auxiliary_head=dict(in_channels=96, in_index=1, channels=48, num_classes=6),
)

optim_wrapper = dict(optimizer=dict(lr=1e-3))
auto_scale_lr = dict(base_batch_size=8)
train_cfg = dict(max_iters=360, val_interval=360)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-2, begin=0, end=30, by_epoch=False),
    dict(type='PolyLR', power=1.0, eta_min=0.0, begin=30, by_epoch=False),
]
default_hooks = dict(logger=dict(interval=60), checkpoint=dict(interval=360))
