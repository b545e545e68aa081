# Table 7: block masking, 75 %: 83.11.
_base_ = '../vit-b_300e.py'

model = dict(mask_generator=dict(_delete_=True, type='mcl_plugins.BlockMask', mask_ratio=0.75))
