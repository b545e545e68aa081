# ConMIM ViT-B/16, 300 epochs: 83.51 after fine-tuning (paper, Tables 1 and 4 to 9: the default).
_base_ = 'vit-b.py'

train_cfg = dict(max_epochs=300)
