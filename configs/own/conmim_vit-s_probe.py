# ConMIM ViT-S/16 on your own images. A few labelled ones show how it comes along: every twentieth
# of the training those of val are classified by k-NN among those of train.
_base_ = '../conmim/vit-s.py'

from mcl_plugins.own import pretraining

globals().update(pretraining(
    _base_,
    images='data/images',  # folder, searched through all its levels
    labels='data/labels',  # train/CLASS/*.jpg and val/CLASS/*.jpg
    count=50_000,  # of the images, roughly
    image_size=224,
    bands=3,
    batch_size=128,
    epochs=400))
