# ConMIM in minutes on a CPU: a small ViT on 40 px images of handwritten digits
# (tools/data/make_digits.py). bash tools/quickstart.sh runs it and measures what it gave.
_base_ = [
    '../_base_/models/conmim.py',
    '../_base_/schedules/conmim.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(
        arch=dict(
            _delete_=True, embed_dims=96, num_layers=4, num_heads=3, feedforward_channels=384),
        img_size=32,
        patch_size=4),
    neck=dict(in_channels=96, hid_channels=512, out_channels=64),
    mask_generator=dict(unit=2),
    # Few steps need a short memory: at 0.996 the teacher would still be at its random start.
    momentum=dict(start=0.95),
)

train_dataloader = dict(
    batch_size=128,
    num_workers=1,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='mcl_plugins.ImageFolder',
        data_root='data/quickstart',
        data_prefix='train',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='RandomResizedCrop', scale=32, crop_ratio_range=(0.5, 1.0), backend='pillow'),
            dict(type='PackInputs'),
        ]),
)

optim_wrapper = dict(optimizer=dict(lr=2e-3))
auto_scale_lr = dict(base_batch_size=128)
train_cfg = dict(max_epochs=20)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=2, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=2, eta_min_ratio=0.02, convert_to_iter_based=True),
]
default_hooks = dict(logger=dict(interval=16), checkpoint=dict(interval=20))
