# ImageNet-1k for linear classification as in MAE: a crop of 8 % or more and a flip.
_base_ = './imagenet_one_crop.py'

data_preprocessor = dict(
    type='ClsDataPreprocessor',
    num_classes=1000,
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True,
)

test_pipeline = [
    dict(type='mcl_plugins.LoadImageFromFile'),
    dict(type='ResizeEdge', scale=256, edge='short', backend='pillow', interpolation='bicubic'),
    dict(type='CenterCrop', crop_size=224),
    dict(type='PackInputs'),
]

train_dataloader = dict(batch_size=512)
val_dataloader = dict(
    batch_size=512,
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='mcl_plugins.default_collate'),
    dataset=dict(
        type='mcl_plugins.ImageNet', data_root='data/imagenet/', split='val', pipeline=test_pipeline
    ),
)
val_evaluator = dict(type='Accuracy', topk=(1, 5))
test_dataloader = val_dataloader
test_evaluator = val_evaluator
custom_hooks = [dict(type='mcl_plugins.ClassCountHook')]
