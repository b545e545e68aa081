# Table 5, half of the image masked: 81.56.
_base_ = '../swin-t.py'

model = dict(mask_generator=dict(mask_ratio=0.5))
