# MAE ViT-B/16, 300 epochs, batch 1024: 82.8 after fine-tuning, 62.4 linear (paper, Table 1).
_base_ = 'mae_vit-b.py'

train_cfg = dict(max_epochs=300)
