# Mask R-CNN on a plain ViT as CAE builds it (released detection code): global attention, four
# blocks' outputs to a pyramid and an FPN, decoded boxes by GIoU.
_base_ = 'mmdet::_base_/models/mask-rcnn_r50_fpn.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='mcl_plugins.DenseViT',
        arch='base',
        img_size=224,  # positions are interpolated from here
        drop_path_rate=0.2,
        out_indices=(3, 5, 7, 11),
        fixed_positions=True,
        with_cp=True,  # 800 x 1333 px are 4,200 tokens
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='backbone.'),
    ),
    neck=[
        dict(type='mcl_plugins.ViTPyramid', embed_dims=768),
        dict(type='FPN', in_channels=[768, 768, 768, 768], out_channels=256, num_outs=5),
    ],
    # Boxes are float32, also when the network runs in bfloat16.
    rpn_head=dict(type='mcl_plugins.RPNHead'),
    roi_head=dict(
        bbox_roi_extractor=dict(type='mcl_plugins.SingleRoIExtractor'),
        mask_roi_extractor=dict(type='mcl_plugins.SingleRoIExtractor'),
        bbox_head=dict(
            type='Shared4Conv1FCBBoxHead',
            reg_decoded_bbox=True,
            norm_cfg=dict(type='mcl_plugins.SyncBN'),
            loss_bbox=dict(_delete_=True, type='GIoULoss', loss_weight=10.0),
        ),
    ),
    train_cfg=dict(rpn_proposal=dict(max_per_img=2000)),
)
