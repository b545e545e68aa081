# The quickstart's few-label fine-tuning: 20 labels of each digit, from a checkpoint of
# conmim.py (its EMA teacher, as ConMIM does) or, with init_cfg=None, from random weights.
_base_ = '../_base_/default_runtime.py'

data_preprocessor = dict(
    type='ClsDataPreprocessor',
    num_classes=10,
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True)

model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='mcl_plugins.BEiTViT',
        arch=dict(embed_dims=96, num_layers=4, num_heads=3, feedforward_channels=384),
        img_size=32,
        patch_size=8,
        layer_scale_init_value=1.0,
        init_std=0.05,
        out_type='avg_featmap',
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='teacher.backbone.')),
    head=dict(
        type='LinearClsHead',
        num_classes=10,
        in_channels=96,
        loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1, mode='original'),
        init_cfg=dict(type='TruncNormal', layer='Linear', std=0.02)),
)

train_dataloader = dict(
    batch_size=50,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='mcl_plugins.ImageFolder',
        data_root='data/quickstart',
        data_prefix='train',
        ann_file='few_labels_0.txt',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='RandomResizedCrop', scale=32, crop_ratio_range=(0.6, 1.0), backend='pillow'),
            dict(type='PackInputs'),
        ]),
)
val_dataloader = dict(
    batch_size=200,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='mcl_plugins.ImageFolder',
        data_root='data/quickstart',
        data_prefix='val',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='CenterCrop', crop_size=32),
            dict(type='PackInputs'),
        ]),
)
val_evaluator = dict(type='Accuracy', topk=1)
test_dataloader = val_dataloader
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='mcl_plugins.Bf16OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05),
    constructor='mcl_plugins.MergedOptimWrapperConstructor',
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        flat_decay_mult=0.0,
        custom_keys=dict(relative_position_bias_table=dict(lr_mult=20.0))))
auto_scale_lr = dict(enable=True, base_batch_size=50)

train_cfg = dict(by_epoch=True, max_epochs=40, val_interval=40)
val_cfg = dict()
test_cfg = dict()
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=4, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=4, eta_min=0.0, convert_to_iter_based=True),
]
default_hooks = dict(logger=dict(interval=40), checkpoint=dict(interval=40))
