"""The venue's REST API: API keys, signatures, parameters and endpoints. Pure; `http_server.py` beside it does the I/O."""
