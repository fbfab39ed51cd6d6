"""The work itself, pure: frames in, frames or parts out. Nothing here knows a path, a database or a clock."""
