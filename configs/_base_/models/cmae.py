# CMAE on ViT-B/16 (paper section 3; sizes, masks and colours as in the released code).
target_view = [
    dict(
        type='mcl_plugins.ColorJitter',
        brightness=0.4,
        contrast=0.4,
        saturation=0.4,
        hue=0.1,
        prob=0.8,
    ),
    dict(type='mcl_plugins.Grayscale', prob=0.2),
    dict(type='mcl_plugins.GaussianBlur', prob=0.5, sigma=(0.1, 2.0)),
]

data_preprocessor = dict(
    type='mcl_plugins.MultiViewPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    views=[[], target_view],
)

model = dict(
    type='mcl_plugins.CMAE',
    backbone=dict(type='mcl_plugins.MaskedViT', arch='base', img_size=224, patch_size=16),
    pixel_decoder=dict(
        type='mcl_plugins.MaskedDecoder',
        embed_dim=768,
        decoder_embed_dim=512,
        decoder_depth=8,
        decoder_num_heads=16,
    ),
    feature_decoder=dict(
        type='mcl_plugins.MaskedDecoder',
        embed_dim=768,
        decoder_embed_dim=512,
        decoder_depth=2,
        decoder_num_heads=16,
        predict_feature_dim=768,
    ),  # the encoder's width
    projector=dict(
        type='NonLinearNeck',
        in_channels=768,
        hid_channels=1536,
        out_channels=256,
        with_bias=True,
        with_last_bn=False,
        with_avg_pool=False,
        norm_cfg=dict(type='mcl_plugins.SyncBN', eps=1e-6),
    ),
    predictor=dict(
        type='NonLinearNeck',
        in_channels=256,
        hid_channels=1536,
        out_channels=256,
        with_bias=True,
        with_last_bn=False,
        with_avg_pool=False,
        norm_cfg=dict(type='mcl_plugins.SyncBN', eps=1e-6),
    ),
    pixel_head=dict(
        type='MAEPretrainHead',
        norm_pix=True,
        patch_size=16,
        loss=dict(type='PixelReconstructionLoss', criterion='L2'),
    ),
    # The head also multiplies by 2 tau, as in the released code, which gives 0.14 in total.
    contrast_head=dict(type='mcl_plugins.InfoNCEHead', temperature=0.07, loss_weight=1.0),
    mask_generator=dict(type='mcl_plugins.RandomMask', mask_ratio=0.65, unit=2),  # 32 px units
    momentum=dict(start=0.996, end=0.996),
)
