# MoCo v3 ViT-S/16 with 12 heads on ImageNet, linear classification: 73.2 (released README), 73.6
# (mmpretrain).
_base_ = 'in1k-linear_vit-b.py'

model = dict(backbone=dict(arch='mocov3-small'), head=dict(in_channels=384))
