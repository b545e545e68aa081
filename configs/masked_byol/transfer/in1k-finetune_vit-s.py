# Masked BYOL ViT-S/16 with 12 heads on ImageNet, 100 epochs; the paper has no number: the
# recipe is Masked MoCo's.
_base_ = '../../masked_moco/transfer/in1k-finetune_vit-s.py'
