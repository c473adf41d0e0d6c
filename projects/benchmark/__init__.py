"""What a VLPose costs beside its stock counterpart, measured side by side."""
