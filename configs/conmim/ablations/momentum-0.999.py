# Table 9: teacher momentum from 0.999: 83.31.
_base_ = '../vit-b_300e.py'

model = dict(momentum=dict(start=0.999))
