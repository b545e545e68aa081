# Table 11, nothing hidden, all patches compared: 81.23.
_base_ = '../swin-t.py'

model = dict(mask_generator=None)
