# CMAE* on ADE20K, UperNet: mIoU 52.5 from 1600 epochs of pre-training (paper, Table 3a, which gives
# no recipe). Encoder, learning rate, layer decay and drop path are those of ConvMAE's released
# segmentation config, the heads' initialisation is CMAE's. Give the pre-training checkpoint with
# --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = 'ade20k-upernet_vit-b.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='mcl_plugins.DenseConvViT',
        arch='base',
        img_size=512,
        drop_path_rate=0.2,
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='backbone.'),
    ),
    neck=dict(
        _delete_=True,
        type='mcl_plugins.HybridPyramid',
        embed_dims=768,
        init_cfg=dict(type='Xavier', layer='Conv2d', distribution='uniform'),
    ),
    decode_head=dict(in_channels=[256, 384, 768, 768]),
)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.75))
