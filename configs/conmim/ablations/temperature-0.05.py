# Table 8: temperature 0.05: 82.55.
_base_ = '../vit-b_300e.py'

model = dict(head=dict(temperature=0.05))
