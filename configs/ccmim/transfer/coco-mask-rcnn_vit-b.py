# ccMIM ViT-B/16 on COCO, Mask R-CNN, 12 epochs: 49.1 box and 43.1 mask AP from 300 epochs of
# pre-training, 50.3 and 44.5 from 800 (paper, Table 2; batch, learning rate, layer decay, drop path
# and scales are the paper's, the rest is CAE's, which it follows). Give the pre-training checkpoint
# with --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/mask_rcnn_vit_cae.py',
    '../../_base_/datasets/coco_multi_scale.py',
    '../../_base_/schedules/cae_detection.py',
    '../../_base_/detection_runtime.py',
]

# 8 processes give the batch size of 32.
train_dataloader = dict(batch_size=4)
