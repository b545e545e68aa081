# DINO ViT-B on Flowers-102: 98.8 (paper, Table 4). Download dino_vitbase16_pretrain.pth to data/.
_base_ = '../transfer/flowers102-finetune_vit-b.py'

model = dict(backbone=dict(init_cfg=dict(checkpoint='data/dino_vitbase16_pretrain.pth')))
