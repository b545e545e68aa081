# BEiT ViT-S/16, 300 epochs: 81.3 after fine-tuning (paper, Table 1).
_base_ = 'beit_vit-b_300e.py'

model = dict(backbone=dict(arch='deit-s'), head=dict(embed_dims=384))
