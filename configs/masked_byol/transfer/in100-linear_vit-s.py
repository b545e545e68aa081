# Masked BYOL ViT-S/16 with 12 heads on ImageNet-100, linear classification, 100 epochs: 75.4 from 200
# epochs of pre-training there (paper, Table 1; the recipe is Masked MoCo's).
_base_ = '../../masked_moco/transfer/in100-linear_vit-s.py'
