# ConMIM ViT-L/16, 400 epochs: 84.6 after fine-tuning (released README).
_base_ = 'vit-l.py'

train_cfg = dict(max_epochs=400)
