# ViTDet in minutes on a CPU: the ViT of scenes_cmae.py on the miniature COCO, from its checkpoint
# (the online encoder) or, with init_cfg=None, from random weights.
# bash tools/transfer_demo.sh runs it and evaluates the result.
_base_ = [
    '../_base_/models/mask_rcnn_vitdet.py',
    '../_base_/datasets/scenes_detection.py',
    '../_base_/schedules/vitdet_50e.py',
    '../_base_/detection_runtime.py',
]

# 12 x 12 patches of 8 px, hence maps at 2 to 32 px, half of the usual, and windows of 4; narrow
# heads and few regions.
model = dict(
    data_preprocessor=dict(pad_size_divisor=32),
    backbone=dict(
        arch=dict(
            _delete_=True, embed_dims=96, num_layers=4, num_heads=3, feedforward_channels=384
        ),
        img_size=96,
        pretrain_img_size=32,
        patch_size=8,
        window_size=4,
        global_blocks=(1, 3),
        drop_path_rate=0.0,
    ),
    neck=dict(in_channels=96, out_channels=32),
    rpn_head=dict(
        in_channels=32, feat_channels=32, anchor_generator=dict(strides=[2, 4, 8, 16, 32])
    ),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=32, featmap_strides=[2, 4, 8, 16], finest_scale=28),
        bbox_head=dict(in_channels=32, conv_out_channels=32, fc_out_channels=128, num_classes=5),
        mask_roi_extractor=dict(out_channels=32, featmap_strides=[2, 4, 8, 16], finest_scale=28),
        mask_head=dict(in_channels=32, conv_out_channels=32, num_convs=2, num_classes=5),
    ),
    train_cfg=dict(
        rpn=dict(sampler=dict(num=64)),
        rpn_proposal=dict(nms_pre=200, max_per_img=100),
        rcnn=dict(sampler=dict(num=32)),
    ),
    test_cfg=dict(rpn=dict(nms_pre=200, max_per_img=100), rcnn=dict(max_per_img=30)),
)

# No layer decay: it would slow down the training from random weights.
optim_wrapper = dict(
    optimizer=dict(lr=5e-4), paramwise_cfg=dict(layer_decay_rate=1.0), clip_grad=dict(max_norm=1.0)
)
auto_scale_lr = dict(base_batch_size=4)
train_cfg = dict(max_epochs=10, val_interval=10)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-2, begin=0, end=1, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=1, eta_min=0.0, convert_to_iter_based=True),
]
default_hooks = dict(logger=dict(interval=60), checkpoint=dict(interval=10))
