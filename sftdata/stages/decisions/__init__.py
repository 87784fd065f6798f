"""Steps that must see every row: keys, then one small table of verdicts."""
