# MAE ViT-L/16, 800 epochs (no number in the paper).
_base_ = 'mae_vit-l.py'

train_cfg = dict(max_epochs=800)
