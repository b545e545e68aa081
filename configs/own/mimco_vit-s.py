# MimCo ViT-S/16 on your own images, on one GPU; its teacher is trained before, by mocov3_vit-s.py.
_base_ = '../mimco/vit-s.py'

from mcl_plugins.own import pretraining

globals().update(pretraining(
    _base_,
    images='data/images',  # folder, searched through all its levels
    count=50_000,  # of the images, roughly
    image_size=224,
    bands=3,
    batch_size=128,
    epochs=100,
    teacher='work_dirs/own/mocov3_vit-s/epoch_300.pth'))
