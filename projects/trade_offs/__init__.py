"""What you pay and what you get: time and accuracy of every way to run a model."""
