"""Client cores without I/O: told the time, they return effects and leave the doing to a shell."""
