# MoCo v3 ViT-B on ADE20K, UperNet: mIoU 47.2 (paper, Table 2, its own run).
_base_ = 'ade20k-upernet_deit-b.py'
