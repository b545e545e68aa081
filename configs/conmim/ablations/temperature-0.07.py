# Table 8: temperature 0.07: 83.03.
_base_ = '../vit-b_300e.py'

model = dict(head=dict(temperature=0.07))
