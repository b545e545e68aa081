# The quickstart's few-label fine-tuning, from a checkpoint of mimco.py (the student) or, with
# init_cfg=None, from random weights.
_base_ = [
    '../_base_/models/digits_classifier.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/digits_few_labels.py',
    '../_base_/schedules/digits_finetune.py',
]

model = dict(
    backbone=dict(
        type='mcl_plugins.SwinTransformer',
        arch=dict(embed_dims=48, depths=(2, 2), num_heads=(2, 4)),
        img_size=32,
        window_size=4,
        drop_path_rate=0.0,
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='backbone.')),
    neck=dict(type='GlobalAveragePooling'),
)
default_hooks = dict(logger=dict(interval=40), checkpoint=dict(interval=40))
optim_wrapper = dict(optimizer=dict(lr=3e-3))
