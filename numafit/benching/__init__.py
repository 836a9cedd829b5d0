"""How fast are scan, capacity, fit, refusal and claim on this machine? From an installed wheel, in
figures that machines can be compared by."""
