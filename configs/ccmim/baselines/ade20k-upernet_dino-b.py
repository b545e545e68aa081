# DINO ViT-B on ADE20K, UperNet: mIoU 45.0 (paper, Table 3, for 300 epochs; the released file is of 400).
# Download dino_vitbase16_pretrain.pth to data/.
_base_ = '../transfer/ade20k-upernet_vit-b.py'

model = dict(backbone=dict(init_cfg=dict(checkpoint='data/dino_vitbase16_pretrain.pth')))
