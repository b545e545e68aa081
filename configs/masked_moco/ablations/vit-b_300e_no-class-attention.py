# Table 5's model without class attention, the other interpretation of the paper: no number of its
# own.
_base_ = '../vit-b_300e.py'

model = dict(class_attention=None)
