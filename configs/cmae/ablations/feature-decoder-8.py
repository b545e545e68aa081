# Table 4c, eight blocks of feature decoder: collapses.
_base_ = '../vit-b_300e.py'

model = dict(feature_decoder=dict(decoder_depth=8))
