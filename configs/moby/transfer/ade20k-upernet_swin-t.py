# MoBY Swin-T on ADE20K, UperNet: mIoU 44.06, with several scales and flip 45.58; supervised 44.51
# and 45.81 (released README of MoBY, whose segmentation code is Swin's). The README says to tune
# the learning rate. Give the checkpoint, of pre-training or of a classifier, with
# --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/upernet_swin.py',
    '../../_base_/datasets/ade20k.py',
    '../../_base_/schedules/upernet_swin_160k.py',
    '../../_base_/segmentation_runtime.py',
]
