# Objects of your own classes: ViTDet, ViT-B/16 from cmae_vit-b.py.
_base_ = '../cmae/transfer/coco-vitdet_vit-b_100e.py'

from mcl_plugins.own import detection

globals().update(detection(
    _base_,
    data='data/objects',
    classes=('cow', 'goat'),  # categories of the COCO files
    checkpoint='work_dirs/own/cmae_vit-b/epoch_400.pth',
    train=('train.json', 'train'),
    val=('val.json', 'val'),
    masks=True,  # False: the files have boxes only
    count=1000,  # of the training images, roughly
    batch_size=4,
    epochs=36))
