# Mask R-CNN with which MIMDet compares pre-trainings (released configs/benchmarking): windows of 16,
# four global blocks, whose outputs go to a pyramid and an FPN; images of 1024 x 1024 px.
_base_ = 'mmdet::_base_/models/mask-rcnn_r50_fpn.py'

model = dict(
    # Pads every image to 1024 x 1024 after normalisation, in training and in testing.
    data_preprocessor=dict(pad_size_divisor=1024),
    backbone=dict(
        _delete_=True,
        type='mcl_plugins.MIMDetViT',
        arch='base',
        img_size=1024,
        window_size=16,
        drop_path_rate=0.1,
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='backbone.'),
    ),
    neck=[
        dict(
            type='mcl_plugins.ViTPyramid',
            embed_dims=768,
            norm_cfg=dict(type='GN', num_groups=32),
            # LeCun's normal initialisation
            init_cfg=dict(
                type='Kaiming', layer='ConvTranspose2d', mode='fan_in', nonlinearity='linear'
            ),
        ),
        dict(
            type='FPN',
            in_channels=[768, 768, 768, 768],
            out_channels=256,
            num_outs=5,
            norm_cfg=dict(type='mcl_plugins.SyncBN'),
        ),
    ],
    # Boxes are float32, also when the network runs in bfloat16.
    rpn_head=dict(type='mcl_plugins.RPNHead', num_convs=2),
    roi_head=dict(
        bbox_roi_extractor=dict(type='mcl_plugins.SingleRoIExtractor'),
        mask_roi_extractor=dict(type='mcl_plugins.SingleRoIExtractor'),
        bbox_head=dict(type='Shared4Conv1FCBBoxHead', norm_cfg=dict(type='mcl_plugins.SyncBN')),
        mask_head=dict(norm_cfg=dict(type='mcl_plugins.SyncBN')),
    ),
    train_cfg=dict(rcnn=dict(assigner=dict(match_low_quality=False))),
)
