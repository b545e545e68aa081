# CMAE ViT-B/16, 300 epochs: 83.8 after fine-tuning (paper, Table 4: the default of its rows).
_base_ = 'vit-b.py'

train_cfg = dict(max_epochs=300)
