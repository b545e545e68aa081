# Cascade Mask R-CNN on Swin-T: the network of Swin's detection code. Its box heads have four
# convolutions and one linear layer, a norm over all processes, and learn decoded boxes by GIoU.
_base_ = 'mmdet::_base_/models/cascade-mask-rcnn_r50_fpn.py'

box_heads = [
    dict(
        type='Shared4Conv1FCBBoxHead',
        in_channels=256,
        fc_out_channels=1024,
        roi_feat_size=7,
        num_classes=80,
        bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_means=[0.0] * 4, target_stds=stds),
        reg_class_agnostic=False,
        reg_decoded_bbox=True,
        norm_cfg=dict(type='mcl_plugins.SyncBN'),
        loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0),
        loss_bbox=dict(type='GIoULoss', loss_weight=10.0),
    )
    for stds in ([0.1, 0.1, 0.2, 0.2], [0.05, 0.05, 0.1, 0.1], [0.033, 0.033, 0.067, 0.067])
]
model = dict(
    backbone=dict(
        _delete_=True,
        type='mcl_plugins.SwinTransformer',
        arch='tiny',
        drop_path_rate=0.1,
        out_indices=(0, 1, 2, 3),
        pad_small_map=True,  # the last feature map of small images is smaller than a window
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='backbone.'),
    ),
    neck=dict(in_channels=[96, 192, 384, 768]),
    # Boxes are float32, also when the network runs in bfloat16.
    rpn_head=dict(type='mcl_plugins.RPNHead'),
    roi_head=dict(
        bbox_roi_extractor=dict(type='mcl_plugins.SingleRoIExtractor'),
        mask_roi_extractor=dict(type='mcl_plugins.SingleRoIExtractor'),
        bbox_head=box_heads,
    ),
)
del box_heads
