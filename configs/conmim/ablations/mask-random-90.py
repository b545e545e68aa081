# Table 7: random masking, 90 %: 83.04.
_base_ = '../vit-b_300e.py'

model = dict(mask_generator=dict(mask_ratio=0.90))
