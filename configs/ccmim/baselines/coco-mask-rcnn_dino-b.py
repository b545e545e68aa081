# DINO ViT-B on COCO: 46.8 box and 41.5 mask AP (paper, Table 2). DINO is not trained here: download its
# dino_vitbase16_pretrain.pth to data/ (https://dl.fbaipublicfiles.com/dino/dino_vitbase16_pretrain/).
_base_ = '../transfer/coco-mask-rcnn_vit-b.py'

model = dict(backbone=dict(init_cfg=dict(checkpoint='data/dino_vitbase16_pretrain.pth')))
