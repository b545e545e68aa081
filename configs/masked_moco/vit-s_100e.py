# Masked MoCo ViT-S/16 with 12 heads, 100 epochs: 79.9 after fine-tuning (paper, Table 4, light
# augmentation).
_base_ = 'vit-s_300e.py'

train_cfg = dict(max_epochs=100)
