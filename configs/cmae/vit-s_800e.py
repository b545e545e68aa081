# CMAE ViT-S/16, 800 epochs (in no table of the paper).
_base_ = 'vit-s.py'

train_cfg = dict(max_epochs=800)
