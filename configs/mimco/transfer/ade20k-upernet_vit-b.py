# MimCo ViT-B/16 on ADE20K, UperNet: mIoU 48.91 from 300 epochs of pre-training (paper, Table 3).
# The paper gives the 160k iterations; the rest is the recipe that reproduces MAE's 48.1
# (implus/mae_segmentation). Give the pre-training checkpoint with
# --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/upernet_vit.py',
    '../../_base_/datasets/ade20k_slide.py',
    '../../_base_/schedules/upernet_vit_160k.py',
    '../../_base_/segmentation_runtime.py',
]
