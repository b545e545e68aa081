# DINO ViT-B on COCO: 47.6 box and 42.3 mask AP (paper, Table 3, its own run; learning rate 8e-5). DINO
# is not trained here: download its dino_vitbase16_pretrain.pth to data/.
_base_ = 'coco-mask-rcnn_deit-b.py'

model = dict(backbone=dict(init_cfg=dict(checkpoint='data/dino_vitbase16_pretrain.pth')))
