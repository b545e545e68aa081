# MimCo Swin-T on your own images, on one GPU; its teacher is trained before, by moby_swin-t.py.
_base_ = '../mimco/swin-t.py'

from mcl_plugins.own import pretraining

globals().update(pretraining(
    _base_,
    images='data/images',  # folder, searched through all its levels
    count=50_000,  # of the images, roughly
    image_size=224,
    bands=3,
    batch_size=128,
    epochs=100,
    teacher='work_dirs/own/moby_swin-t/epoch_300.pth'))
