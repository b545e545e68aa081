# MimCo ViT-S/16, 300 epochs: 82.7 after fine-tuning (paper, Table 1).
_base_ = 'vit-s.py'

train_cfg = dict(max_epochs=300)
