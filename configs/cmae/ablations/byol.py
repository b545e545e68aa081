# Loss form, a loss without negatives, 2 - 2 cos as in BYOL: 83.4.
_base_ = '../vit-b_300e.py'

model = dict(contrast_head=dict(_delete_=True, type='mcl_plugins.CosineHead', loss_weight=2.0))
