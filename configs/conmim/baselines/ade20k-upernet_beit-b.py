# BEiT ViT-B on ADE20K, UperNet: mIoU 47.7 (paper, Table 2, its own run).
_base_ = '../transfer/ade20k-upernet_vit-b.py'
