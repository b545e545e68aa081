# MoBY Swin-T on COCO, Mask R-CNN, 36 epochs (3x): 46.0 box and 41.7 mask AP; from supervised
# pre-training 46.0 and 41.6 (released README; recipe: Swin's detection code).
_base_ = [
    '../../_base_/models/mask_rcnn_swin.py',
    '../../_base_/datasets/coco_multi_scale.py',
    '../../_base_/schedules/swin_detection_3x.py',
    '../../_base_/detection_runtime.py',
]

model = dict(backbone=dict(drop_path_rate=0.2))
