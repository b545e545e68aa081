# DINO ViT-B/16 on ImageNet: 82.8 (paper, Table 1, which quotes it), and the first step of 46.8 on ADE20K
# (Table 2). Recipe: that of MoCo v3, DeiT's defaults, as in DINO's paper. DINO is not trained here:
# download its dino_vitbase16_pretrain.pth, of 400 epochs, to data/
# (https://dl.fbaipublicfiles.com/dino/dino_vitbase16_pretrain/).
_base_ = '../../mocov3/transfer/in1k-finetune_vit-b.py'

model = dict(backbone=dict(init_cfg=dict(checkpoint='data/dino_vitbase16_pretrain.pth')))
