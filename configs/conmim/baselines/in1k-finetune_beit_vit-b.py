# BEiT ViT-B/16 on ImageNet: 82.9 from 300 epochs of pre-training (paper, Table 1, which quotes it), with
# ConMIM's recipe.
_base_ = '../transfer/in1k-finetune_vit-b.py'

model = dict(backbone=dict(init_cfg=dict(prefix='backbone.')))
