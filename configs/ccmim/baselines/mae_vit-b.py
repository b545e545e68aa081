# MAE ViT-B/16 in ccMIM's setting, a batch of 1024 in 32 processes: its loss is Figure 3b's (figure only).
_base_ = '../../cmae/ablations/mae.py'

train_dataloader = dict(batch_size=32)
train_cfg = dict(max_epochs=800)
