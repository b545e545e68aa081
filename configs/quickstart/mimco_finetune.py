# The quickstart's few-label fine-tuning, from a checkpoint of mimco.py (the student) or, with
# init_cfg=None, from random weights: on gray images, as ccmim_finetune.py.
_base_ = 'ccmim_finetune.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='mcl_plugins.SwinTransformer',
        arch=dict(embed_dims=48, depths=(2, 2), num_heads=(2, 4)),
        img_size=32,
        window_size=4,
        drop_path_rate=0.0,
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='backbone.'),
    ),
    neck=dict(type='GlobalAveragePooling'),
)
optim_wrapper = dict(optimizer=dict(lr=3e-3))
