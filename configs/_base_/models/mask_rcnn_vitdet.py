# Mask R-CNN of ViTDet (detectron2's mask_rcnn_vitdet.py): windows of 14, four global blocks, the last
# map to a simple pyramid, norms over the channels in all heads; images of 1024 x 1024 px.
_base_ = 'mmdet::_base_/models/mask-rcnn_r50_fpn.py'

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
        mask_padding=False,  # windows at the border attend to their padding, as there
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='backbone.'),
    ),
    neck=dict(_delete_=True, type='mcl_plugins.SimpleFPN', in_channels=768, out_channels=256),
    # Boxes are float32, also when the network runs in bfloat16.
    rpn_head=dict(type='mcl_plugins.RPNHead', num_convs=2),
    roi_head=dict(
        bbox_roi_extractor=dict(type='mcl_plugins.SingleRoIExtractor'),
        mask_roi_extractor=dict(type='mcl_plugins.SingleRoIExtractor'),
        bbox_head=dict(
            type='Shared4Conv1FCBBoxHead', norm_cfg=dict(type='mmpretrain.LN2d', eps=1e-6)
        ),
        mask_head=dict(norm_cfg=dict(type='mmpretrain.LN2d', eps=1e-6)),
    ),
    train_cfg=dict(rcnn=dict(assigner=dict(match_low_quality=False))),
)
