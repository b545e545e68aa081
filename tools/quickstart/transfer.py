"""Transfer pre-trained encoders to segmentation and detection on miniature data sets."""

from mcl_plugins.cli.app import run_command

if __name__ == '__main__':
    run_command('transfer-demo')
