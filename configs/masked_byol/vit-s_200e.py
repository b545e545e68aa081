# Masked BYOL ViT-S/16 with 12 heads, 200 epochs; the paper has no number.
_base_ = 'vit-s_300e.py'

train_cfg = dict(max_epochs=200)
