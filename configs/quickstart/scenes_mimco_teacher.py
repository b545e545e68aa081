# The transfer demo's MoBY teacher: the small Swin of mimco_teacher.py on 32 px crops of the miniature
# COCO's unlabelled scenes (tools/data/make_scenes.py). bash tools/transfer_demo.sh trains it first.
_base_ = 'mimco_teacher.py'

train_dataloader = dict(
    dataset=dict(
        data_root='data/scenes/coco',
        data_prefix='unlabeled2017',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(
                type='MultiView',
                num_views=[2],
                transforms=[[
                    dict(
                        type='RandomResizedCrop',
                        scale=32,
                        crop_ratio_range=(0.1, 0.4),
                        backend='pillow'),
                ]]),
            dict(type='PackInputs'),
        ]))
train_cfg = dict(max_epochs=24)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=3, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=0, eta_min_ratio=5e-3, convert_to_iter_based=True),
]
default_hooks = dict(logger=dict(interval=48), checkpoint=dict(interval=24))
