# DeiT-S on ImageNet from random weights, 300 epochs: 79.8 (paper, Table 1; DeiT's released recipe).
_base_ = 'in1k-scratch_vit-b.py'

model = dict(backbone=dict(arch='small'), head=dict(in_channels=384))
