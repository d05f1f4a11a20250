"""
The environment of the clients: the exchange with its accounts, and the network, HTTP and disks between it and them.

Each of these can lie; what it does when is for faults to say. A network knows its process as a `network.Host`, and no
more of it. Other packages may use every public name.
"""
