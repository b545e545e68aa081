# The quickstart's few-label fine-tuning, from a checkpoint of cmae.py (the online encoder) or, with
# init_cfg=None, from random weights.
_base_ = [
    '../_base_/models/digits_classifier.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/digits_few_labels.py',
    '../_base_/schedules/digits_finetune.py',
]

model = dict(
    backbone=dict(
        type='mcl_plugins.VisionTransformer',
        arch=dict(embed_dims=96, num_layers=4, num_heads=3, feedforward_channels=384),
        img_size=32,
        patch_size=8,
        final_norm=False,
        out_type='avg_featmap',
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='backbone.'),
    ),
)
default_hooks = dict(logger=dict(interval=40), checkpoint=dict(interval=40))
