# ccMIM ViT-S/16 on COCO, Mask R-CNN, 12 epochs: 44.3 box and 39.5 mask AP from 300 epochs of
# pre-training (paper, Table 2).
_base_ = 'coco-mask-rcnn_vit-b.py'

model = dict(
    backbone=dict(arch='small', drop_path_rate=0.1),
    neck=[
        dict(type='mcl_plugins.ViTPyramid', embed_dims=384),
        dict(type='FPN', in_channels=[384, 384, 384, 384], out_channels=256, num_outs=5),
    ],
)
