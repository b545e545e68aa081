# The quickstart's digits (tools/data/make_digits.py): 20 labels of each class for training, all
# unseen images for evaluation.
data_preprocessor = dict(
    type='ClsDataPreprocessor',
    num_classes=10,
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True,
)

train_dataloader = dict(
    batch_size=50,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='mcl_plugins.default_collate'),
    dataset=dict(
        type='mcl_plugins.ImageFolder',
        data_root='data/quickstart',
        data_prefix='train',
        ann_file='few_labels_0.txt',
        pipeline=[
            dict(type='mcl_plugins.LoadRandomResizedCrop', scale=32, crop_ratio_range=(0.6, 1.0)),
            dict(type='PackInputs'),
        ],
    ),
)
val_dataloader = dict(
    batch_size=200,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='mcl_plugins.default_collate'),
    dataset=dict(
        type='mcl_plugins.ImageFolder',
        data_root='data/quickstart',
        data_prefix='val',
        pipeline=[
            dict(type='mcl_plugins.LoadImageFromFile'),
            dict(type='CenterCrop', crop_size=32),
            dict(type='PackInputs'),
        ],
    ),
)
val_evaluator = dict(type='Accuracy', topk=1)
test_dataloader = val_dataloader
test_evaluator = val_evaluator
custom_hooks = [dict(type='mcl_plugins.ClassCountHook')]
