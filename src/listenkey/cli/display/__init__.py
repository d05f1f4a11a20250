"""
Items as people and programs see them: JSON lines, text, and the full-screen dashboard.

A command takes a `Renderer` (`renderers.py`, `terminal.py`) and reads a stream into it (`follow.py`). The rest is what
renderers are made of; `text.py`, `order_rows.py`, `dashboard.py` and `dashboard_view.py` are pure.
"""
