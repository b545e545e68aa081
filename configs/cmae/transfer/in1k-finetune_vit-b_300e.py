# CMAE ViT-B/16 on ImageNet, 100 epochs: 83.8 from 300 epochs of pre-training (paper, Table 4; the
# paper's base learning rate 5e-4). Give the pre-training checkpoint with
# --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/vit_finetune.py',
    '../../_base_/datasets/imagenet_finetune.py',
    '../../_base_/schedules/finetune_mae.py',
    '../../_base_/default_runtime.py',
]
