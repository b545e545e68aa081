# Table 5, a block-wise split (BEiT, at least 16 patches), 400 epochs: 82.8 (62.0 linear).
_base_ = '../vit-b.py'

model = dict(mask_generator=dict(_delete_=True, type='mcl_plugins.BlockMask', mask_ratio=0.75))
train_cfg = dict(max_epochs=400)
