# ConMIM ViT-S/16 on COCO, Mask R-CNN, 25 epochs: 45.8 box and 41.0 mask AP after 300 epochs of
# pre-training and fine-tuning on ImageNet (paper, Table 3).
_base_ = 'coco-mask-rcnn_vit-b.py'

model = dict(
    backbone=dict(arch='small'),
    neck=[
        dict(
            type='mcl_plugins.ViTPyramid',
            embed_dims=384,
            norm_cfg=dict(type='GN', num_groups=32),
            init_cfg=dict(
                type='Kaiming', layer='ConvTranspose2d', mode='fan_in', nonlinearity='linear'
            ),
        ),
        dict(
            type='FPN',
            in_channels=[384, 384, 384, 384],
            out_channels=256,
            num_outs=5,
            norm_cfg=dict(type='mcl_plugins.SyncBN'),
        ),
    ],
)
