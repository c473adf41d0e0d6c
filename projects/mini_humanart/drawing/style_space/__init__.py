"""A space of drawn styles: sampled, painted, and described in words."""
