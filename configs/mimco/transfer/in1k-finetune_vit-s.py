# MimCo ViT-S/16 on ImageNet, 300 epochs: 82.5 from 100 epochs of pre-training, 82.7 from 300
# (paper, Tables 1 and 6).
_base_ = 'in1k-finetune_vit-b.py'

model = dict(backbone=dict(arch='small'), head=dict(in_channels=384))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.75))
train_cfg = dict(max_epochs=300)
