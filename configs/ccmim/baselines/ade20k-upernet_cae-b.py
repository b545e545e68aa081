# CAE ViT-B on ADE20K, UperNet: mIoU 46.0 from 300 epochs of pre-training, 47.2 from 800 (paper, Table
# 3). As the other rows; the encoder keeps CAE's layer scale and has no bias of keys.
_base_ = '../transfer/ade20k-upernet_vit-b.py'

model = dict(backbone=dict(bias='qv_bias'))
