# Linear classification on a frozen ViT-B/16 as in MAE (released main_linprobe.py): class token after
# the last norm, BatchNorm without weight and bias, one linear layer.
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='mcl_plugins.VisionTransformer',
        arch='base',
        img_size=224,
        patch_size=16,
        trained_blocks=0,
        final_norm=True,
        out_type='cls_token',
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='backbone.'),
    ),
    neck=dict(type='ClsBatchNormNeck', input_features=768),
    head=dict(
        type='LinearClsHead',
        num_classes=1000,
        in_channels=768,
        loss=dict(type='CrossEntropyLoss'),
        init_cfg=dict(type='TruncNormal', layer='Linear', std=0.01),
    ),
)
