# Masked MoCo ViT-B/16 on ImageNet, 60 epochs after 60 of pre-training (paper, Table 4).
_base_ = 'in1k-finetune_vit-b.py'

train_cfg = dict(max_epochs=60)
