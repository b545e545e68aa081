# Swin-T fine-tuned on ImageNet (Swin's own classifier: mean of the normalised last map).
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='mcl_plugins.SwinTransformer',
        arch='tiny',
        img_size=224,
        drop_path_rate=0.1,
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='backbone.'),
    ),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=1000,
        in_channels=768,
        loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1, mode='original'),
        init_cfg=dict(type='TruncNormal', layer='Linear', std=2e-5),
    ),
    # One of the two is drawn for each batch, with equal probability.
    train_cfg=dict(augments=[dict(type='Mixup', alpha=0.8), dict(type='CutMix', alpha=1.0)]),
)
