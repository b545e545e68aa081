# Table 4e, 75 % of the target view masked, in the same units: 83.0.
_base_ = '../vit-b_300e.py'

model = dict(target_mask_generator=dict(type='mcl_plugins.RandomMask', mask_ratio=0.75, unit=2))
