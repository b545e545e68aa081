# MAE ViT-B on COCO: 47.8 box and 42.9 mask AP (paper, Table 3, its own run; learning rate 8e-5).
_base_ = 'coco-mask-rcnn_deit-b.py'
