# ConMIM in minutes on a CPU: a small ViT on 32 px crops of handwritten digits.
# bash tools/quickstart.sh runs it and evaluates the result.
_base_ = [
    '../_base_/models/conmim.py',
    '../_base_/datasets/digits.py',
    '../_base_/schedules/conmim.py',
    '../_base_/default_runtime.py',
]

# In the few minutes of this training the zero-initialised position tables must learn quickly: they
# have twenty times the learning rate. For the same reason layer scale is 1, the initial weights are
# larger and the momentum of the teacher is low.
model = dict(
    backbone=dict(
        arch=dict(
            _delete_=True, embed_dims=96, num_layers=4, num_heads=3, feedforward_channels=384
        ),
        img_size=32,
        patch_size=8,
        layer_scale_init_value=1.0,
        init_std=0.05,
    ),
    neck=dict(
        in_channels=96, hid_channels=192, out_channels=64, init_cfg=dict(std=0.05, a=-0.05, b=0.05)
    ),
    mask_generator=dict(mask_ratio=0.5, unit=1),
    momentum=dict(start=0.95),
)

optim_wrapper = dict(
    optimizer=dict(lr=2e-3),
    paramwise_cfg=dict(custom_keys=dict(relative_position_bias_table=dict(lr_mult=20.0))),
)
auto_scale_lr = dict(base_batch_size=96)
train_cfg = dict(max_epochs=32)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=2, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=2, eta_min_ratio=0.02, convert_to_iter_based=True),
]
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=32))
