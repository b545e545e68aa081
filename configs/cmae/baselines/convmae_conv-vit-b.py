# ConvMAE, 1600 epochs: 84.6 after fine-tuning (paper, Table 2). Its code has a batch of 3072, 128
# images in each of 24 processes; masks are drawn in units of 16 px.
_base_ = [
    '../../_base_/datasets/imagenet_mae.py',
    '../../_base_/schedules/mae.py',
    '../../_base_/pretraining_runtime.py',
]

data_preprocessor = dict(
    type='mcl_plugins.MultiViewPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
)
model = dict(
    type='mcl_plugins.MaskedAutoencoder',
    backbone=dict(type='mcl_plugins.MaskedConvViT', arch='base', img_size=224),
    decoder=dict(
        type='mcl_plugins.MaskedDecoder',
        embed_dim=768,
        decoder_embed_dim=512,
        decoder_depth=8,
        decoder_num_heads=16,
        with_cls_token=False,
    ),
    pixel_head=dict(
        type='MAEPretrainHead',
        norm_pix=True,
        patch_size=16,
        loss=dict(type='PixelReconstructionLoss', criterion='L2'),
    ),
    mask_generator=dict(type='mcl_plugins.RandomMask', mask_ratio=0.75),
)
train_cfg = dict(max_epochs=1600)
