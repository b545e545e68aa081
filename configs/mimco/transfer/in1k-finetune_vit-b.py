# MimCo ViT-B/16 on ImageNet, 100 epochs: 83.7 from 100 epochs of pre-training, 83.9 from 300
# (paper, Tables 1 and 6; iBOT's recipe, with the class token). Give the pre-training checkpoint
# with --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/vit_finetune.py',
    '../../_base_/datasets/imagenet_finetune.py',
    '../../_base_/schedules/finetune_layer_decay.py',
    '../../_base_/default_runtime.py',
]

model = dict(backbone=dict(out_type='cls_token', final_norm=True))
