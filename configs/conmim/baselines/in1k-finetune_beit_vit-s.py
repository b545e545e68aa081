# BEiT ViT-S/16 on ImageNet: 81.3 from 300 epochs of pre-training (paper, Table 1, which quotes it), with
# ConMIM's recipe.
_base_ = '../transfer/in1k-finetune_vit-s.py'

model = dict(backbone=dict(init_cfg=dict(prefix='backbone.')))
