# CMAE ViT-B/16 on ImageNet, linear classification, 90 epochs, batch 16384 (paper, Figure 5a, as in
# MAE). Give the pre-training checkpoint with --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/vit_linear.py',
    '../../_base_/datasets/imagenet_linear.py',
    '../../_base_/schedules/linear_mae.py',
    '../../_base_/default_runtime.py',
]
