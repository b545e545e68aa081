# MoBY on Swin-T (released moby_swin_tiny.yaml).
mlp = dict(
    type='NonLinearNeck',
    hid_channels=4096,
    out_channels=256,
    with_bias=True,
    with_last_bias=True,
    with_last_bn=False,
    norm_cfg=dict(type='mcl_plugins.SyncBN'),
)

model = dict(
    type='mcl_plugins.MoBY',
    backbone=dict(
        type='mcl_plugins.SwinTransformer', arch='tiny', img_size=224, drop_path_rate=0.2
    ),
    projector=dict(**mlp, in_channels=768, with_avg_pool=True),
    predictor=dict(**mlp, in_channels=256, with_avg_pool=False),
    contrast_head=dict(type='mcl_plugins.QueueInfoNCEHead', temperature=0.2),
    queue=dict(dim=256, length=4096),
    momentum=dict(start=0.99, end=1.0),
)
del mlp
