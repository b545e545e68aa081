# ccMIM on ViT-B/16 (paper section 3; importance, projector, temperature as released).
data_preprocessor = dict(
    type='mcl_plugins.MultiViewPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
)

model = dict(
    type='mcl_plugins.CcMIM',
    backbone=dict(type='mcl_plugins.MaskedViT', arch='base', img_size=224, patch_size=16),
    decoder=dict(
        type='mcl_plugins.MaskedDecoder',
        embed_dim=768,
        decoder_embed_dim=512,
        decoder_depth=8,
        decoder_num_heads=16,
    ),
    projector=dict(
        type='NonLinearNeck',
        in_channels=768,
        hid_channels=768,
        out_channels=256,
        with_last_bn_affine=False,
        with_avg_pool=False,
        norm_cfg=dict(type='BN1d'),  # statistics of each process, as released
        init_cfg=dict(type='Xavier', layer='Linear', distribution='uniform'),
    ),
    pixel_head=dict(
        type='MAEPretrainHead',
        norm_pix=True,
        patch_size=16,
        loss=dict(type='PixelReconstructionLoss', criterion='L2'),
    ),
    # The weight is the paper's lambda; 2 tau, by which the head multiplies, is 1 here.
    contrast_head=dict(type='mcl_plugins.InfoNCEHead', temperature=0.5, loss_weight=0.2),
    mask_generator=dict(type='mcl_plugins.ImportanceMask', mask_ratio=0.75),
)
