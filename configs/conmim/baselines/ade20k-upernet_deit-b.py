# DeiT-B on ADE20K, UperNet: mIoU 45.3 (paper, Table 2, its own run). The encoder has absolute
# positions; relative ones, initialised with zero, are added, as in MAE's transfer.
_base_ = [
    '../../_base_/models/upernet_vit.py',
    '../../_base_/datasets/ade20k_slide.py',
    '../../_base_/schedules/upernet_vit_160k.py',
    '../../_base_/segmentation_runtime.py',
]

optim_wrapper = dict(optimizer=dict(lr=3e-5), paramwise_cfg=dict(layer_decay_rate=0.9))
