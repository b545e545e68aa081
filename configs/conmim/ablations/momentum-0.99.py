# Table 9: teacher momentum from 0.99: 83.11.
_base_ = '../vit-b_300e.py'

model = dict(momentum=dict(start=0.99))
