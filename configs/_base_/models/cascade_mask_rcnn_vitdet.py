# Cascade Mask R-CNN of ViTDet (detectron2's cascade_mask_rcnn_vitdet.py): mask_rcnn_vitdet.py with
# three box heads, class-agnostic, at overlaps of 0.5, 0.6 and 0.7.
_base_ = 'mmdet::_base_/models/cascade-mask-rcnn_r50_fpn.py'

norm = dict(type='mmpretrain.LN2d', eps=1e-6)
box_heads = [
    dict(
        type='Shared4Conv1FCBBoxHead',
        in_channels=256,
        fc_out_channels=1024,
        roi_feat_size=7,
        num_classes=80,
        bbox_coder=dict(
            type='DeltaXYWHBBoxCoder',
            target_means=[0.0] * 4,
            target_stds=[0.1 / stage, 0.1 / stage, 0.2 / stage, 0.2 / stage],
        ),
        reg_class_agnostic=True,
        norm_cfg=norm,
        loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0),
        loss_bbox=dict(type='L1Loss', loss_weight=1.0),
    )
    for stage in (1, 2, 3)
]
stages = [
    dict(
        assigner=dict(
            type='MaxIoUAssigner',
            pos_iou_thr=overlap,
            neg_iou_thr=overlap,
            min_pos_iou=overlap,
            match_low_quality=False,
            ignore_iof_thr=-1,
        ),
        sampler=dict(
            type='RandomSampler',
            num=512,
            pos_fraction=0.25,
            neg_pos_ub=-1,
            add_gt_as_proposals=True,
        ),
        mask_size=28,
        pos_weight=-1,
        debug=False,
    )
    for overlap in (0.5, 0.6, 0.7)
]
model = dict(
    # Pads every image to 1024 x 1024 after normalisation, in training and in testing.
    data_preprocessor=dict(pad_size_divisor=1024),
    backbone=dict(
        _delete_=True,
        type='mcl_plugins.ViTDet',
        arch='base',
        img_size=1024,
        window_size=14,
        drop_path_rate=0.1,
        mask_padding=False,
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='backbone.'),
    ),
    neck=dict(_delete_=True, type='mcl_plugins.SimpleFPN', in_channels=768, out_channels=256),
    # Boxes are float32, also when the network runs in bfloat16.
    rpn_head=dict(
        type='mcl_plugins.RPNHead',
        num_convs=2,
        loss_bbox=dict(_delete_=True, type='L1Loss', loss_weight=1.0),
    ),
    roi_head=dict(
        bbox_roi_extractor=dict(type='mcl_plugins.SingleRoIExtractor'),
        mask_roi_extractor=dict(type='mcl_plugins.SingleRoIExtractor'),
        bbox_head=box_heads,
        mask_head=dict(norm_cfg=norm),
    ),
    train_cfg=dict(rpn_proposal=dict(max_per_img=1000), rcnn=stages),
)
del norm, box_heads, stages
