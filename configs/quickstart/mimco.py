# MimCo in minutes on a CPU: the student of mimco_teacher.py's network, on 32 px crops of
# handwritten digits. bash tools/quickstart.sh --method mimco runs both and evaluates the result.
_base_ = [
    '../_base_/models/mimco.py',
    '../_base_/datasets/digits.py',
    '../_base_/schedules/mimco.py',
    '../_base_/default_runtime.py',
]

data_preprocessor = dict(
    type='mcl_plugins.MultiViewPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    views=[[dict(type='mcl_plugins.Grayscale', prob=1.0)]],
)

arch = dict(embed_dims=48, depths=(2, 2), num_heads=(2, 4))
contrast = dict(
    projector=dict(in_channels=96, hid_channels=192, out_channels=64),
    predictor=dict(in_channels=64, hid_channels=192, out_channels=64),
    queue=dict(dim=64, length=768),
)
model = dict(
    backbone=dict(arch=dict(_delete_=True, **arch), img_size=32, window_size=4),
    teacher=dict(
        backbone=dict(
            arch=dict(_delete_=True, **arch),
            img_size=32,
            window_size=4,
            init_cfg=dict(checkpoint='work_dirs/quickstart/teacher/epoch_8.pth'),
        ),
        how_to_get='train one with tools/train.py configs/quickstart/mimco_teacher.py '
        '--work-dir work_dirs/quickstart/teacher',
    ),
    patch_contrast=contrast,
    image_contrast=contrast,
    momentum=dict(start=0.95),
)
del arch, contrast

optim_wrapper = dict(optimizer=dict(lr=2e-3))
auto_scale_lr = dict(base_batch_size=96)
train_cfg = dict(max_epochs=16)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=2, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=0, eta_min_ratio=5e-3, convert_to_iter_based=True),
]
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=16))
