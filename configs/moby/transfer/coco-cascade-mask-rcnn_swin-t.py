# MoBY Swin-T on COCO, Cascade Mask R-CNN, 12 epochs (1x): 48.1 box and 41.5 mask AP; from supervised
# pre-training 48.1 and 41.7 (released README; recipe: Swin's detection code). Give the checkpoint with
# --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/cascade_mask_rcnn_swin.py',
    '../../_base_/datasets/coco_multi_scale.py',
    '../../_base_/schedules/swin_detection.py',
    '../../_base_/detection_runtime.py',
]

model = dict(backbone=dict(drop_path_rate=0.0))
