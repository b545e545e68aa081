# MoCo v3 ViT-B on COCO: 47.3 box and 42.2 mask AP (paper, Table 3, its own run; learning rate
# 1.6e-4).
_base_ = 'coco-mask-rcnn_deit-b.py'

optim_wrapper = dict(optimizer=dict(lr=1.6e-4))
