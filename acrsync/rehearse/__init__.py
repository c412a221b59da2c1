"""A plan rehearsed: the real command on an emulator, once for each misfortune at each request."""
