# DINO ViT-B on iNaturalist 2018: 72.6 (paper, Table 4). Download dino_vitbase16_pretrain.pth to data/.
_base_ = '../transfer/inat18-finetune_vit-b.py'

model = dict(backbone=dict(init_cfg=dict(checkpoint='data/dino_vitbase16_pretrain.pth')))
