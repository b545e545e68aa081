# DeiT-S on COCO: 43.1 box and 38.8 mask AP (paper, Table 3, its own run; learning rate 8e-5). A
# plain ViT has biases in queries, keys and values and no layer scale.
_base_ = '../transfer/coco-mask-rcnn_vit-s.py'

model = dict(backbone=dict(qkv_bias='qkv', layer_scale=None))
optim_wrapper = dict(optimizer=dict(lr=8e-5))
