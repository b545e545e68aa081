# Table 5, a block-wise split (BEiT, at least 16 patches), 100 epochs: 79.2 (32.9 linear).
_base_ = 'block_400e.py'

train_cfg = dict(max_epochs=100)
