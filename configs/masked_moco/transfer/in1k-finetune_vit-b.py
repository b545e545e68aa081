# Masked MoCo ViT-B/16 on ImageNet, 100 epochs: 83.6 from 300 epochs of pre-training, 83.8 from 800
# (paper, Table 5; MAE's recipe at the base learning rate 5e-4). Give the pre-training checkpoint
# with --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/vit_finetune.py',
    '../../_base_/datasets/imagenet_finetune.py',
    '../../_base_/schedules/finetune_mae.py',
    '../../_base_/default_runtime.py',
]
