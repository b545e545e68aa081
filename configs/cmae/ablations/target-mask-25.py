# Table 4e, 25 % of the target view masked, in the same units: 83.6.
_base_ = '../vit-b_300e.py'

model = dict(target_mask_generator=dict(type='mcl_plugins.RandomMask', mask_ratio=0.25, unit=2))
