# Masked BYOL ViT-B/16, 200 epochs; the paper has no number.
_base_ = 'vit-b_300e.py'

train_cfg = dict(max_epochs=200)
