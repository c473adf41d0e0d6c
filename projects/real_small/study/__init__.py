"""What ways of tuning bring on real images."""

# Patches the installed stack before a module here imports MMPose.
import vlpose_mm  # noqa: F401
