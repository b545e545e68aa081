# Masked MoCo in minutes on a CPU: a small ViT on 96 px crops of solar cells, gray, without labels.
# bash tools/own_data_demo.sh runs it and evaluates the result.
_base_ = [
    '../_base_/models/masked_moco.py',
    '../_base_/datasets/cells.py',
    '../_base_/schedules/masked_moco.py',
    '../_base_/masked_moco_runtime.py',
]

# Dark regions are defects, so the brightness changes little.
light = [
    dict(
        type='mcl_plugins.ColorJitter',
        brightness=0.2, contrast=0.2, saturation=0.0, hue=0.0, prob=0.8),
    dict(type='mcl_plugins.GaussianBlur', prob=0.3, sigma=(0.1, 1.0)),
]
data_preprocessor = dict(
    type='mcl_plugins.MultiViewPreprocessor',
    mean=[153.6],
    std=[39.1],
    bgr_to_rgb=False,
    views=[light, light])
del light

# 2 chunks of 32 patches. The momentum is low because the training is short.
model = dict(
    backbone=dict(
        arch=dict(
            _delete_=True, embed_dims=96, num_layers=4, num_heads=3, feedforward_channels=384),
        img_size=96,
        patch_size=12,
        in_channels=1),
    class_attention=dict(embed_dims=96, num_heads=3),
    projector=dict(in_channels=96, hid_channels=192, out_channels=64),
    predictor=dict(in_channels=64, hid_channels=192, out_channels=64),
    num_chunks=2,
    momentum=dict(start=0.98),
)

optim_wrapper = dict(optimizer=dict(lr=1e-3))
auto_scale_lr = dict(base_batch_size=64)
train_cfg = dict(max_epochs=20)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=2, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=2, eta_min=0.0, convert_to_iter_based=True),
]
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=20))
