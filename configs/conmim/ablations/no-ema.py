# Table 6: keys from the student itself, without gradient: 81.53. A momentum of 0 copies it each step.
_base_ = '../vit-b_300e.py'

model = dict(momentum=dict(start=0.0, end=0.0))
