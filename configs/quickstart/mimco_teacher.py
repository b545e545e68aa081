# The quickstart's MoBY teacher: a small Swin, two stages on 8x8 and 4x4 tokens, on 32 px crops of
# handwritten digits. bash tools/quickstart.sh --method mimco trains it first.
_base_ = [
    '../_base_/models/moby.py',
    '../_base_/datasets/digits.py',
    '../_base_/schedules/moby.py',
    '../_base_/default_runtime.py',
]

# The colours of a digit say nothing about its class, but would be the easiest feature to match. The
# student has one view, whose colours cannot differ between query and key, so all images are gray.
gray = [
    dict(type='mcl_plugins.Grayscale', prob=1.0),
    dict(
        type='mcl_plugins.ColorJitter',
        brightness=0.4,
        contrast=0.4,
        saturation=0.0,
        hue=0.0,
        prob=1.0,
    ),
    dict(type='mcl_plugins.GaussianBlur', prob=0.5, sigma=(0.1, 1.0)),
]
data_preprocessor = dict(
    type='mcl_plugins.MultiViewPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    views=[gray, [*gray, dict(type='mcl_plugins.Solarize', prob=0.2)]],
)
del gray
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(
                type='mcl_plugins.LoadRandomResizedCrop',
                scale=32,
                crop_ratio_range=[(0.5, 1.0), (0.5, 1.0)],
            ),
            dict(type='PackInputs'),
        ]
    )
)

# The queue holds less than an epoch, so that the negatives do not contain earlier keys of the same
# image. The momentum is low because the training is short.
model = dict(
    backbone=dict(
        arch=dict(_delete_=True, embed_dims=48, depths=(2, 2), num_heads=(2, 4)),
        img_size=32,
        window_size=4,
        drop_path_rate=0.05,
    ),
    projector=dict(in_channels=96, hid_channels=192, out_channels=64),
    predictor=dict(in_channels=64, hid_channels=192, out_channels=64),
    queue=dict(dim=64, length=768),
    momentum=dict(start=0.95),
)

optim_wrapper = dict(optimizer=dict(lr=2e-3))
auto_scale_lr = dict(base_batch_size=96)
train_cfg = dict(max_epochs=8)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=2, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=0, eta_min_ratio=5e-3, convert_to_iter_based=True),
]
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=8))
