# Table 7: block masking, 90 %: 82.63.
_base_ = '../vit-b_300e.py'

model = dict(mask_generator=dict(_delete_=True, type='mcl_plugins.BlockMask', mask_ratio=0.90))
