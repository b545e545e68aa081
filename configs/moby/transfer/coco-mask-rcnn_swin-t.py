# MoBY Swin-T on COCO, Mask R-CNN, 12 epochs (1x): 43.6 box and 39.6 mask AP; from supervised
# pre-training 43.7 and 39.8 (released README; recipe: Swin's detection code). Give the checkpoint
# with --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/mask_rcnn_swin.py',
    '../../_base_/datasets/coco_multi_scale.py',
    '../../_base_/schedules/swin_detection.py',
    '../../_base_/detection_runtime.py',
]
