# Masked MoCo ViT-S/16 with 12 heads on ImageNet, 100 epochs: 79.9 from 100 epochs of pre-training
# (paper, Table 4).
_base_ = 'in1k-finetune_vit-b.py'

model = dict(backbone=dict(arch='mocov3-small'), head=dict(in_channels=384))
