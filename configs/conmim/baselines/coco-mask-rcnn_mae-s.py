# MAE ViT-S on COCO: 41.5 box and 37.8 mask AP (paper, Table 3, its own run; learning rate 8e-5).
_base_ = 'coco-mask-rcnn_deit-s.py'
