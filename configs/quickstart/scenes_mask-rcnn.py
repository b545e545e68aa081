# Mask R-CNN in minutes on a CPU: the Swin of scenes_mimco.py on the miniature COCO, from its
# checkpoint (the student) or, with init_cfg=None, from random weights.
# bash tools/transfer_demo.sh runs it and evaluates the result.
_base_ = [
    '../_base_/models/mask_rcnn_swin.py',
    '../_base_/datasets/scenes_detection.py',
    '../_base_/schedules/swin_detection.py',
    '../_base_/detection_runtime.py',
]

# Two stages, at 4 and 8 px, and a map at 16 px from the pyramid; narrow heads and few regions.
model = dict(
    data_preprocessor=dict(pad_size_divisor=16),
    backbone=dict(
        arch=dict(_delete_=True, embed_dims=48, depths=(2, 2), num_heads=(2, 4)),
        img_size=32,
        window_size=4,
        drop_path_rate=0.0,
        out_indices=(0, 1),
    ),
    neck=dict(in_channels=[48, 96], out_channels=32, num_outs=3),
    rpn_head=dict(
        in_channels=32, feat_channels=32, anchor_generator=dict(scales=[4], strides=[4, 8, 16])
    ),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=32, featmap_strides=[4, 8, 16]),
        bbox_head=dict(in_channels=32, fc_out_channels=128, num_classes=5),
        mask_roi_extractor=dict(out_channels=32, featmap_strides=[4, 8, 16]),
        mask_head=dict(in_channels=32, conv_out_channels=32, num_convs=2, num_classes=5),
    ),
    train_cfg=dict(
        rpn=dict(sampler=dict(num=64)),
        rpn_proposal=dict(nms_pre=200, max_per_img=100),
        rcnn=dict(sampler=dict(num=32)),
    ),
    test_cfg=dict(rpn=dict(nms_pre=200, max_per_img=100), rcnn=dict(max_per_img=30)),
)

optim_wrapper = dict(optimizer=dict(lr=1e-3), clip_grad=dict(max_norm=1.0))
auto_scale_lr = dict(base_batch_size=4)
train_cfg = dict(max_epochs=8, val_interval=8)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-2, begin=0, end=1, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=1, eta_min=0.0, convert_to_iter_based=True),
]
default_hooks = dict(logger=dict(interval=60), checkpoint=dict(interval=8))
