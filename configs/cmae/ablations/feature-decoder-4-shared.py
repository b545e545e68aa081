# Table 4c, four blocks of feature decoder, the pixel decoder's first: 83.5.
_base_ = '../vit-b_300e.py'

model = dict(feature_decoder=dict(decoder_depth=4), share_decoder_blocks=True)
