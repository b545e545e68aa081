# MAE in the pocket benchmark. bash tools/pocket_benchmark.sh --only mae runs and evaluates it.
_base_ = [
    '../_base_/datasets/digits.py',
    '../_base_/schedules/mae.py',
    '../_base_/default_runtime.py',
]

data_preprocessor = dict(
    type='mcl_plugins.MultiViewPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True)
model = dict(
    type='mcl_plugins.MaskedAutoencoder',
    backbone=dict(
        type='mcl_plugins.MaskedViT',
        arch=dict(embed_dims=96, num_layers=4, num_heads=3, feedforward_channels=384),
        img_size=32,
        patch_size=8),
    decoder=dict(
        type='mcl_plugins.MaskedDecoder',
        num_patches=16,
        patch_size=8,
        embed_dim=96,
        decoder_embed_dim=64,
        decoder_depth=2,
        decoder_num_heads=2),
    pixel_head=dict(
        type='MAEPretrainHead',
        norm_pix=True,
        patch_size=8,
        loss=dict(type='PixelReconstructionLoss', criterion='L2')),
    mask_generator=dict(type='mcl_plugins.RandomMask', mask_ratio=0.75),
)

train_dataloader = dict(num_workers=0, dataset=dict(data_root='data/pocket/digits'))
optim_wrapper = dict(optimizer=dict(lr=5e-4))
auto_scale_lr = dict(base_batch_size=96)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=2, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=2, eta_min=0.0, convert_to_iter_based=True),
]
