# MimCo Swin-T on COCO, Mask R-CNN, 12 epochs: 43.9 box and 40.1 mask AP from 100 epochs of
# pre-training, 44.9 and 40.7 from 300 (paper, Table 2; Swin's recipe, as the paper says). Give the
# pre-training checkpoint with --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/mask_rcnn_swin.py',
    '../../_base_/datasets/coco_multi_scale.py',
    '../../_base_/schedules/swin_detection.py',
    '../../_base_/detection_runtime.py',
]
