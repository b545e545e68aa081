# MoBY Swin-T with the "BN trick" on ImageNet, linear evaluation: 72.0 from 100 epochs (released
# README). BatchNorm keeps the statistics of pre-training.
_base_ = 'in1k-linear_swin-t.py'

model = dict(backbone=dict(mlp_norm='BN'))
