"""What bench.py is made of: contenders, loads, one module a part, and the report."""
