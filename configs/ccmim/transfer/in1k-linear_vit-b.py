# ccMIM ViT-B/16 on ImageNet, linear classification on the mean of the patches, 90 epochs (paper,
# Table 1, which gives no recipe: MAE's). Give the pre-training checkpoint with
# --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/vit_linear.py',
    '../../_base_/datasets/imagenet_linear.py',
    '../../_base_/schedules/linear_mae.py',
    '../../_base_/default_runtime.py',
]

model = dict(backbone=dict(final_norm=False, out_type='avg_featmap'))
