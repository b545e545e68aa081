# Table 4c, two blocks of feature decoder, the pixel decoder's first: 83.4.
_base_ = '../vit-b_300e.py'

model = dict(share_decoder_blocks=True)
