# Table 8: temperature 0.15: 83.32.
_base_ = '../vit-b_300e.py'

model = dict(head=dict(temperature=0.15))
