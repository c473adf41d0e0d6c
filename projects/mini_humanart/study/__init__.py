"""What each part of VLPose brings on mini Human-Art."""

# Patches the installed stack before a module here imports MMPose.
import vlpose_mm  # noqa: F401
