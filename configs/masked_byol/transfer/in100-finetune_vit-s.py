# Masked BYOL ViT-S/16 with 12 heads on ImageNet-100, 100 epochs: 89.7 from 200 epochs of
# pre-training there, 91.7 from 800 (paper, Table 1 and section 3.5; the recipe is Masked MoCo's).
_base_ = '../../masked_moco/transfer/in100-finetune_vit-s.py'
