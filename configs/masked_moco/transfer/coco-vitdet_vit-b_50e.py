# Masked MoCo ViT-B/16 on COCO, ViTDet with Mask R-CNN, 50 epochs: 50.5 box and 44.8 mask AP; MoCo
# v3 in the paper's own run 48.4 and 42.9 (paper, Tables 6 and 9; architecture: detectron2's
# ViTDet). Give the pre-training checkpoint with
# --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/mask_rcnn_vitdet.py',
    '../../_base_/datasets/coco_lsj.py',
    '../../_base_/schedules/vitdet_50e.py',
    '../../_base_/detection_runtime.py',
]

optim_wrapper = dict(accumulative_counts=2)
