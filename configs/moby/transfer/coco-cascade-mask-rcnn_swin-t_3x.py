# MoBY Swin-T on COCO, Cascade Mask R-CNN, 36 epochs (3x): 50.2 box and 43.5 mask AP; from supervised
# pre-training 50.4 and 43.7 (released README; recipe: Swin's detection code).
_base_ = [
    '../../_base_/models/cascade_mask_rcnn_swin.py',
    '../../_base_/datasets/coco_multi_scale.py',
    '../../_base_/schedules/swin_detection_3x.py',
    '../../_base_/detection_runtime.py',
]

model = dict(backbone=dict(drop_path_rate=0.2))
