# DINO ViT-B/16 on ImageNet, which the paper's own runs on ADE20K start from (no number). Recipe: that of
# MoCo v3, DeiT's defaults. DINO is not trained here: download its dino_vitbase16_pretrain.pth to data/
# (https://dl.fbaipublicfiles.com/dino/dino_vitbase16_pretrain/).
_base_ = '../../mocov3/transfer/in1k-finetune_vit-b.py'

model = dict(backbone=dict(init_cfg=dict(checkpoint='data/dino_vitbase16_pretrain.pth')))
