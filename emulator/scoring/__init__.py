"""The scoring plane: gateway, instances and their environments."""
