# ViT-B/16 as ConMIM fine-tunes it on ImageNet (paper Table 11; released run_class_finetuning.py).
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='mcl_plugins.BEiTViT',
        arch='base',
        img_size=224,
        patch_size=16,
        drop_path_rate=0.1,
        layer_scale_init_value=0.1,
        use_rel_pos_bias=True,  # a table for each block, starting as the shared one
        # The norm of pre-training is not used; a new one follows the mean of the patches.
        final_norm=False,
        out_type='avg_featmap',
        # The EMA copy: the released README fine-tunes that one.
        init_cfg=dict(type='Pretrained', checkpoint='', prefix='ema.backbone.'),
    ),
    head=dict(
        type='LinearClsHead',
        num_classes=1000,
        in_channels=768,
        loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1, mode='original'),
        # 0.02 truncated at one deviation, times 0.001 (the bias is zero).
        init_cfg=dict(type='TruncNormal', layer='Linear', std=2e-5, a=-2e-5, b=2e-5),
    ),
    # One of the two is drawn for each batch, with equal probability.
    train_cfg=dict(augments=[dict(type='Mixup', alpha=0.8), dict(type='CutMix', alpha=1.0)]),
)
