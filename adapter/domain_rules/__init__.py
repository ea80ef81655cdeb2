"""Read, match and caution about domain rules; `adapter.domains` is what others use."""
