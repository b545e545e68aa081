# The pocket benchmark's classifier on a Swin of two stages; see classify_vit.py.
_base_ = 'classify_vit.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='mcl_plugins.SwinTransformer',
        arch=dict(embed_dims=60, depths=(2, 2), num_heads=(2, 4)),
        img_size=32,
        patch_size=4,
        window_size=4,
        drop_path_rate=0.0,
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='backbone.')),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(in_channels=120),
)
