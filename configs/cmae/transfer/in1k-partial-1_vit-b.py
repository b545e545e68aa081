# CMAE ViT-B/16 on ImageNet, partial fine-tuning of the last block and the classifier
# (paper, Figure 5a, as in MAE, which took the best of 50, 100 and 200 epochs).
_base_ = 'in1k-finetune_vit-b.py'

model = dict(backbone=dict(trained_blocks=1))
