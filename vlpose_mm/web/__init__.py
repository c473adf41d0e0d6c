"""A web page: upload an image, describe it, and compare both skeletons."""
