"""What a VLPose costs beside MMPose's own model, measured in turns."""

# Patches the installed stack before a module here imports MMPose.
import vlpose_mm  # noqa: F401
