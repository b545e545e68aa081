# Supervised Swin-T on ImageNet from random weights, 300 epochs: 81.2 (released README of MoBY;
# Swin's own recipe, without layer decay).
_base_ = [
    '../../_base_/models/swin_finetune.py',
    '../../_base_/datasets/imagenet_finetune.py',
    '../../_base_/schedules/scratch_swin.py',
    '../../_base_/default_runtime.py',
]

model = dict(backbone=dict(drop_path_rate=0.2, init_cfg=None), head=dict(init_cfg=dict(std=0.02)))
