# ConMIM ViT-L/16, 800 epochs: 85.2 after fine-tuning (released README).
_base_ = 'vit-l.py'

train_cfg = dict(max_epochs=800)
