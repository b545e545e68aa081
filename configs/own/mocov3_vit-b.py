# MoCo v3 ViT-B/16 on your own images, on one GPU.
_base_ = '../mocov3/vit-b.py'

from mcl_plugins.own import pretraining

globals().update(pretraining(
    _base_,
    images='data/images',  # folder, searched through all its levels
    count=50_000,  # of the images, roughly
    image_size=224,
    bands=3,
    batch_size=64,
    epochs=300))
