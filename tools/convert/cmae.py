"""Convert released CMAE checkpoints into this package's, and back.

    python tools/convert/cmae.py released.pth cmae.pth
    python tools/convert/cmae.py cmae.pth released.pth --to-released

Takes whole pre-training states, encoders alone (they come to stand under ``backbone.``) and
fine-tuned models, which become an ``ImageClassifier``'s.
"""

from single_file import main

from mcl_plugins.checkpoint.cmae import CMAE

if __name__ == '__main__':
    main(CMAE, __doc__, released_key='state_dict')
