# Table 5, 70 % of the image masked: 81.54.
_base_ = '../swin-t.py'

model = dict(mask_generator=dict(mask_ratio=0.7))
