"""
The kernel of the simulation: virtual time, and whatever runs in it.

A scheduler whose agenda makes time pass, an event loop and threads that run only when they are told to, and the clocks
of a process. Nothing here knows of a network, a client or a fault. Other packages may use every public name of it.
"""
