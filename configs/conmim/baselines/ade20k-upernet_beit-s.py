# BEiT ViT-S on ADE20K, UperNet: mIoU 46.3 (paper, Table 2, its own run).
_base_ = '../transfer/ade20k-upernet_vit-s.py'
