# ccMIM ViT-B/16 on ImageNet, 100 epochs: 84.2 from 800 epochs of pre-training, 83.6 from 300
# (paper, Table 1; MAE's released recipe). The paper also states a learning rate of 1e-3, here 2e-3.
# Give the pre-training checkpoint with --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/vit_finetune.py',
    '../../_base_/datasets/imagenet_finetune.py',
    '../../_base_/schedules/finetune_mae.py',
    '../../_base_/default_runtime.py',
]
