# UperNet on a plain ViT-B/16, as MAE's transfer to ADE20K: the re-implementation that reproduces
# 48.1 (implus/mae_segmentation), itself after BEiT's code. mmseg's model with an encoder of ours,
# which takes a pre-training checkpoint, and with norms over all processes on any device.
_base_ = 'mmseg::_base_/models/upernet_mae.py'

model = dict(
    data_preprocessor=dict(size=(512, 512)),
    backbone=dict(
        _delete_=True,
        type='mcl_plugins.RelativeViT',
        arch='base',
        img_size=512,
        patch_size=16,
        out_indices=(3, 5, 7, 11),
        drop_path_rate=0.1,
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='backbone.'),
    ),
    neck=dict(_delete_=True, type='mcl_plugins.ViTPyramid', embed_dims=768),
    decode_head=dict(
        in_channels=[768, 768, 768, 768],
        channels=768,
        num_classes=150,
        norm_cfg=dict(type='mcl_plugins.SyncBN'),
    ),
    auxiliary_head=dict(in_channels=768, num_classes=150, norm_cfg=dict(type='mcl_plugins.SyncBN')),
    test_cfg=dict(mode='slide', crop_size=(512, 512), stride=(341, 341)),
)
