# CMAE ViT-B/16, 800 epochs: 84.4 after fine-tuning (paper, Table 2).
_base_ = 'vit-b.py'

train_cfg = dict(max_epochs=800)
