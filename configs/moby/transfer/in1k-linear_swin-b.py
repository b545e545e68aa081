# MoBY Swin-B on ImageNet, linear evaluation with Swin-T's hyperparameters (in no table).
_base_ = 'in1k-linear_swin-t.py'

model = dict(backbone=dict(arch='base'), head=dict(in_channels=1024))
