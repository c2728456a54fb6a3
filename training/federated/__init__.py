"""Many tenants train one policy: each on its own worlds, and only clipped sums with noise leave.

Importing this package imports neither ray nor torch.
"""
