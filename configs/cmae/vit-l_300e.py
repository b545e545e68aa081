# CMAE ViT-L/16, 300 epochs (in no table of the paper).
_base_ = 'vit-l.py'

train_cfg = dict(max_epochs=300)
