# COCO with a cascade of three box heads, the other reading of Table 3b's dagger (no number of its own).
_base_ = [
    '../../_base_/models/cascade_mask_rcnn_vitdet.py',
    '../../_base_/datasets/coco_lsj.py',
    '../../_base_/schedules/vitdet_50e.py',
    '../../_base_/detection_runtime.py',
]

optim_wrapper = dict(optimizer=dict(lr=1e-4), accumulative_counts=2)
train_cfg = dict(max_epochs=100)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, begin=0, end=0.25, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=0.25, eta_min=0.0, convert_to_iter_based=True),
]
