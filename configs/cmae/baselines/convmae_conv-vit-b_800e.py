# ConvMAE, 800 epochs: 84.6 after fine-tuning (paper, Table 2).
_base_ = 'convmae_conv-vit-b.py'

train_cfg = dict(max_epochs=800)
