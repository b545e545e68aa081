# MimCo on Swin-T (heads, queues and EMA are MoBY's, which the paper follows).
mlp = dict(
    type='NonLinearNeck',
    hid_channels=4096,
    out_channels=256,
    with_bias=True,
    with_last_bias=True,
    with_last_bn=False,
    with_avg_pool=False,
    norm_cfg=dict(type='mcl_plugins.SyncBN'),
)
contrast = dict(
    type='mcl_plugins.QueueContrast',
    projector=dict(**mlp, in_channels=768),
    predictor=dict(**mlp, in_channels=256),
    head=dict(type='mcl_plugins.QueueInfoNCEHead', temperature=0.2),
    queue=dict(dim=256, length=4096),
)

model = dict(
    type='mcl_plugins.MimCo',
    backbone=dict(type='mcl_plugins.SimMIMSwin', arch='tiny', img_size=224),
    teacher=dict(
        backbone=dict(
            type='mcl_plugins.SwinTransformer',
            arch='tiny',
            img_size=224,
            init_cfg=dict(
                type='Pretrained',
                checkpoint='work_dirs/moby/swin-t/epoch_300.pth',
                prefix='backbone.',
            ),
        ),
        how_to_get='train one with tools/dist_train.sh configs/moby/swin-t.py 8, or convert a '
        'released one with python tools/convert/moby.py RELEASED.pth MOBY.pth, and give it with '
        '--cfg-options model.teacher.backbone.init_cfg.checkpoint=MOBY.pth',
    ),
    # Masks are drawn on the grid of the last stage, whose tokens are 32 px wide as SimMIM's mask
    # units.
    mask_generator=dict(type='mcl_plugins.RandomMask', mask_ratio=0.6),
    patch_contrast=contrast,
    image_contrast=contrast,
    momentum=dict(start=0.99, end=1.0),
)
del mlp, contrast
