# CMAE in minutes on a CPU: a small ViT on 32 px crops of handwritten digits.
# bash tools/quickstart.sh --method cmae runs it and evaluates the result.
_base_ = [
    '../_base_/models/cmae.py',
    '../_base_/datasets/digits.py',
    '../_base_/schedules/cmae.py',
    '../_base_/default_runtime.py',
]

# The colours of a digit say nothing about its class, but would be the easiest feature to match. So
# those of the target's view are changed beyond recognition.
data_preprocessor = dict(
    views=[
        [],
        [
            dict(
                type='mcl_plugins.ColorJitter',
                brightness=0.4,
                contrast=0.4,
                saturation=0.8,
                hue=0.5,
                prob=1.0,
            ),
            dict(type='mcl_plugins.Grayscale', prob=0.5),
            dict(type='mcl_plugins.GaussianBlur', prob=0.5, sigma=(0.1, 1.0)),
        ],
    ]
)

# 16 patches are too few for masks in units of 2x2. The momentum is low because the training is
# short.
decoder = dict(
    num_patches=16, patch_size=8, embed_dim=96, decoder_embed_dim=64, decoder_num_heads=2
)
model = dict(
    backbone=dict(
        arch=dict(
            _delete_=True, embed_dims=96, num_layers=4, num_heads=3, feedforward_channels=384
        ),
        img_size=32,
        patch_size=8,
    ),
    pixel_decoder=dict(**decoder, decoder_depth=2),
    feature_decoder=dict(**decoder, decoder_depth=1, predict_feature_dim=96),
    projector=dict(in_channels=96, hid_channels=192, out_channels=64),
    predictor=dict(in_channels=64, hid_channels=192, out_channels=64),
    pixel_head=dict(patch_size=8),
    mask_generator=dict(unit=1),
    momentum=dict(start=0.98, end=0.98),
)

train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='mcl_plugins.LoadRandomResizedCrop', scale=36, crop_ratio_range=(0.5, 1.0)),
            dict(type='mcl_plugins.PixelShift', size=32, max_shift=3),
            dict(type='PackInputs'),
        ]
    )
)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
auto_scale_lr = dict(base_batch_size=96)
train_cfg = dict(max_epochs=32)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=2, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=2, eta_min=0.0, convert_to_iter_based=True),
]
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=32))
