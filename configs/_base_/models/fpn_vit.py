# Semantic FPN of mmseg on a plain ViT-B/16: the encoder of upernet_vit.py, a pyramid, an FPN and a
# head of convolutions.
_base_ = './upernet_vit.py'

model = dict(
    neck=[
        dict(type='mcl_plugins.ViTPyramid', embed_dims=768),
        dict(type='FPN', in_channels=[768, 768, 768, 768], out_channels=256, num_outs=4),
    ],
    decode_head=dict(
        _delete_=True,
        type='FPNHead',
        in_channels=[256, 256, 256, 256],
        in_index=[0, 1, 2, 3],
        feature_strides=[4, 8, 16, 32],
        channels=128,
        dropout_ratio=0.1,
        num_classes=150,
        norm_cfg=dict(type='mcl_plugins.SyncBN'),
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0),
    ),
    auxiliary_head=None,
)
