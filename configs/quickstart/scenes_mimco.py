# MimCo in minutes on a CPU: the student of scenes_mimco_teacher.py's network, on 32 px crops of the
# miniature COCO's unlabelled scenes. bash tools/transfer_demo.sh runs both.
_base_ = 'mimco.py'

data_preprocessor = dict(views=[[]])  # in colour
model = dict(
    teacher=dict(
        backbone=dict(
            init_cfg=dict(checkpoint='work_dirs/transfer_demo/scenes_mimco/teacher/epoch_30.pth')
        ),
        how_to_get='train one with tools/train.py configs/quickstart/scenes_mimco_teacher.py '
        '--work-dir work_dirs/transfer_demo/scenes_mimco/teacher',
    )
)
train_dataloader = dict(
    dataset=dict(
        data_root='data/scenes/coco',
        data_prefix='unlabeled2017',
        pipeline=[
            dict(type='mcl_plugins.LoadRandomResizedCrop', scale=32, crop_ratio_range=(0.06, 0.18)),
            dict(type='PackInputs'),
        ],
    )
)
train_cfg = dict(max_epochs=60)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=3, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=0, eta_min_ratio=5e-3, convert_to_iter_based=True),
]
default_hooks = dict(logger=dict(interval=48), checkpoint=dict(interval=60))
