# Linear evaluation of a frozen Swin-T as MoBY's (released moby_linear.py): mean of the normalised
# last map. Drop path is active in the frozen encoder, and labels are smoothed.
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='mcl_plugins.SwinTransformer',
        arch='tiny',
        img_size=224,
        drop_path_rate=0.2,
        frozen=True,
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='backbone.'),
    ),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=1000,
        in_channels=768,
        loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1, mode='original'),
        init_cfg=dict(type='TruncNormal', layer='Linear', std=0.02),
    ),
)
