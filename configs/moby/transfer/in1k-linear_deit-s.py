# MoBY DeiT-S/16 on ImageNet, linear evaluation: 72.8 from 300 epochs of pre-training (released
# README). The class token replaces Swin's mean.
_base_ = 'in1k-linear_swin-t.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='mcl_plugins.DeiT',
        arch='small',
        img_size=224,
        patch_size=16,
        drop_path_rate=0.2,
        frozen=True,
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='backbone.'),
    ),
    neck=None,
    head=dict(in_channels=384),
)
