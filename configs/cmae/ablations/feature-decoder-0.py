# Tables 4a and 4c, pixel shifting without feature decoder: 83.6.
_base_ = '../vit-b_300e.py'

model = dict(feature_decoder=None)
