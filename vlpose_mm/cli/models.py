"""List what can be named."""

from vlpose_mm.names import CROPPED, DETECTORS, WHOLE_IMAGE, model_names


def main() -> None:
    """Run the command."""
    print('--model', *model_names(), sep='\n  ')
    print(
        'Besides mini-drawn these are configs with published weights of their base; give '
        'tuned weights as --weights.\n'
    )
    print('--det-model', CROPPED, WHOLE_IMAGE, *DETECTORS, sep='\n  ')
    print(
        f'{CROPPED}: each image is the crop of one person; {WHOLE_IMAGE}: the same, and it '
        'is padded;\nbesides these, a config or a name of MMDetection.'
    )
