# MoCo v3 ViT-S/16 with 12 heads on ImageNet, 300 epochs, DeiT's default: 81.4 (released README).
_base_ = 'in1k-finetune_vit-b.py'

model = dict(backbone=dict(arch='mocov3-small'), head=dict(in_channels=384))
train_cfg = dict(max_epochs=300)
