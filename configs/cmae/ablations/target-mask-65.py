# Table 4e, 65 % of the target view masked, in the same units: 83.3.
_base_ = '../vit-b_300e.py'

model = dict(target_mask_generator=dict(type='mcl_plugins.RandomMask', mask_ratio=0.65, unit=2))
