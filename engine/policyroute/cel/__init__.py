"""CEL for policies: parsed by cel-python, checked against declared types, compiled to Python code objects."""
