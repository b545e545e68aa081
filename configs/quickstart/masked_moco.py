# Masked MoCo in minutes on a CPU: a small ViT on 32 px crops of handwritten digits.
# bash tools/quickstart.sh --method masked_moco runs it and evaluates the result.
_base_ = [
    '../_base_/models/masked_moco.py',
    '../_base_/datasets/digits.py',
    '../_base_/schedules/masked_moco.py',
    '../_base_/masked_moco_runtime.py',
]

# The colours of a digit say nothing about its class, but would be the easiest feature to match. So
# they are changed beyond recognition.
colours = [
    dict(
        type='mcl_plugins.ColorJitter',
        brightness=0.4,
        contrast=0.4,
        saturation=0.8,
        hue=0.5,
        prob=1.0,
    ),
    dict(type='mcl_plugins.Grayscale', prob=0.5),
]
data_preprocessor = dict(
    type='mcl_plugins.MultiViewPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    views=[colours, colours],
)
del colours

# 4 chunks of 4 patches. The momentum is low because the training is short.
model = dict(
    backbone=dict(
        arch=dict(
            _delete_=True, embed_dims=96, num_layers=4, num_heads=3, feedforward_channels=384
        ),
        img_size=32,
        patch_size=8,
    ),
    class_attention=dict(embed_dims=96, num_heads=3),
    projector=dict(in_channels=96, hid_channels=192, out_channels=64),
    predictor=dict(in_channels=64, hid_channels=192, out_channels=64),
    num_chunks=4,
    momentum=dict(start=0.98),
)

optim_wrapper = dict(optimizer=dict(lr=1e-3))
auto_scale_lr = dict(base_batch_size=96)
train_cfg = dict(max_epochs=32)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=2, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=2, eta_min=0.0, convert_to_iter_based=True),
]
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=32))
