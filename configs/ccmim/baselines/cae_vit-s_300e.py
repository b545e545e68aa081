# CAE ViT-S/16, 300 epochs: 44.1 box and 39.2 mask AP on COCO (paper, Table 2, which does not state the
# epochs). The regressor and the decoder have the width of the encoder, as in ViT-B.
_base_ = 'cae_vit-b_300e.py'

model = dict(backbone=dict(arch='deit-s'), neck=dict(embed_dims=384, num_heads=6))
