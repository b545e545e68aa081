# ConMIM ViT-B/16 on ImageNet, 100 epochs: 83.7 from 800 epochs of pre-training, 83.5 from 300
# (paper, Tables 1 and 11; learning rate from the released README). Give the pre-training checkpoint
# with --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/conmim_finetune.py',
    '../../_base_/datasets/imagenet_finetune.py',
    '../../_base_/schedules/finetune_layer_decay.py',
    '../../_base_/default_runtime.py',
]
