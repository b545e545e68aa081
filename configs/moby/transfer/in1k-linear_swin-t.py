# MoBY Swin-T on ImageNet, linear evaluation, 100 epochs, batch 512: 75.3 from 300 epochs of
# pre-training, 70.9 from 100 (released README). Give the pre-training checkpoint with
# --cfg-options model.backbone.init_cfg.checkpoint=...
_base_ = [
    '../../_base_/models/swin_linear.py',
    '../../_base_/datasets/imagenet_linear_bilinear.py',
    '../../_base_/schedules/linear_moby.py',
    '../../_base_/default_runtime.py',
]

train_dataloader = dict(batch_size=64)
