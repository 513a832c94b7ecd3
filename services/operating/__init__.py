"""Changes of what runs, without losing a field: scale, edit, restart, delete, keys, export."""
