# Mask R-CNN on Swin-T: the network of Swin's detection code, two linear layers in the box head.
_base_ = 'mmdet::_base_/models/mask-rcnn_r50_fpn.py'

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
    ),
)
