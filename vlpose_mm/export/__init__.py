"""A VLPose as one ONNX graph, which runs without PyTorch."""
