# MAE ViT-S/16, 800 epochs (no number in the paper).
_base_ = 'mae_vit-s.py'

train_cfg = dict(max_epochs=800)
