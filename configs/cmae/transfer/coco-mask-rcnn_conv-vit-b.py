# CMAE* on COCO, Mask R-CNN, 100 epochs: 52.9 box and 47.0 mask AP from 1600 epochs of pre-training
# (paper, Table 3b). The paper has epochs, learning rate, weight decay and cosine; the rest is
# ConvMAE's released detector at MIMDet's batch of 64 (ours). Give the pre-training checkpoint with
# --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/mask_rcnn_mimdet.py',
    '../../_base_/datasets/coco_lsj.py',
    '../../_base_/schedules/mimdet_25e.py',
    '../../_base_/detection_runtime.py',
]

model = dict(
    backbone=dict(type='mcl_plugins.WindowedConvViT'),
    neck=dict(
        _delete_=True,
        type='FPN',
        in_channels=[256, 384, 768, 768],
        out_channels=256,
        num_outs=5,
        norm_cfg=dict(type='mcl_plugins.SyncBN'),
    ),
)
optim_wrapper = dict(accumulative_counts=2)
train_cfg = dict(max_epochs=100)
