# CMAE* on a hybrid convolutional ViT, 800 epochs: 85.0 after fine-tuning (paper, Table 2).
_base_ = 'conv-vit-b.py'

train_cfg = dict(max_epochs=800)
