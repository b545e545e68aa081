# Table 8: temperature 0.2: 83.35.
_base_ = '../vit-b_300e.py'

model = dict(head=dict(temperature=0.2))
