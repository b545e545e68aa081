# MimCo ViT-B/16, 300 epochs: 83.9 after fine-tuning (paper, Table 1).
_base_ = 'vit-b.py'

train_cfg = dict(max_epochs=300)
