# Table 4c, four blocks of feature decoder: 83.8.
_base_ = '../vit-b_300e.py'

model = dict(feature_decoder=dict(decoder_depth=4))
