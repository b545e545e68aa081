# Masked MoCo on ViT-B/16 as the paper's last sections have it: 8 chunks, heads with LayerNorm and
# two blocks of class attention before them. Widths and temperature are MoCo v3's.
norm_cfg = dict(type='mcl_plugins.LayerNorm', eps=1e-6)

model = dict(
    type='mcl_plugins.MaskedMoCo',
    backbone=dict(type='mcl_plugins.MaskedMoCoViT', arch='base', img_size=224, patch_size=16),
    class_attention=dict(type='mcl_plugins.ClassAttentionBlocks', embed_dims=768, num_heads=12),
    projector=dict(
        type='NonLinearNeck',
        in_channels=768,
        hid_channels=4096,
        out_channels=256,
        num_layers=3,
        with_last_bn_affine=False,
        with_avg_pool=False,
        norm_cfg=norm_cfg,
    ),
    predictor=dict(
        type='NonLinearNeck',
        in_channels=256,
        hid_channels=4096,
        out_channels=256,
        num_layers=2,
        with_last_bn_affine=False,
        with_avg_pool=False,
        norm_cfg=norm_cfg,
    ),
    # The head multiplies by 2 tau, as MoCo v3 does.
    contrast_head=dict(type='mcl_plugins.InfoNCEHead', temperature=0.2),
    num_chunks=8,
    target_chunks=1,
    momentum=dict(start=0.99, end=1.0),
)
del norm_cfg
