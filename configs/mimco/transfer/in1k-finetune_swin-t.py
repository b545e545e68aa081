# MimCo Swin-T on ImageNet, 100 epochs: 81.7 from 100 epochs of pre-training, 81.9 from 300 (paper,
# Tables 1 and 6; iBOT's recipe). Give the pre-training checkpoint with
# --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/swin_finetune.py',
    '../../_base_/datasets/imagenet_finetune.py',
    '../../_base_/schedules/finetune_layer_decay.py',
    '../../_base_/default_runtime.py',
]

optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.75))
