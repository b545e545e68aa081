# Table 7: block masking, 60 %: 83.20.
_base_ = '../vit-b_300e.py'

model = dict(mask_generator=dict(_delete_=True, type='mcl_plugins.BlockMask', mask_ratio=0.60))
