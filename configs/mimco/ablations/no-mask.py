# Table 11, no mask, all patches compared: 81.23.
_base_ = '../swin-t.py'

model = dict(mask_generator=None)
