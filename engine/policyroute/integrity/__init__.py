"""JSON Schemas as what an answer has to fit: checked within bounds, with one name for those that ask for the same."""
